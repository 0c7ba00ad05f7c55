/** What a load measured. */
export interface LoadFigures {
  loginsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface LoadOptions {
  /** So many logins are under way at any time. */
  concurrency: number;
  /** Looked at before each login, which has a time limit of its own. */
  signal: AbortSignal;
}

/** Logs in once with each code. Rejects with the first failure, when no login is under way. */
export async function runLoad(
  login: (code: string) => Promise<void>,
  codes: readonly string[],
  { concurrency, signal }: LoadOptions,
): Promise<LoadFigures> {
  const timesMs: number[] = [];
  const failures: unknown[] = [];
  const left = codes.values();
  const work = async () => {
    for (const code of left) {
      if (failures.length > 0) return;
      try {
        signal.throwIfAborted();
        const startedMs = performance.now();
        await login(code);
        timesMs.push(performance.now() - startedMs);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: concurrency }, work));
  const seconds = (performance.now() - startedMs) / 1_000;
  if (failures.length > 0) throw failures[0];
  timesMs.sort((left, right) => left - right);
  return {
    loginsPerSecond: codes.length / seconds,
    p50Ms: percentile(timesMs, 0.5),
    p99Ms: percentile(timesMs, 0.99),
  };
}

/** Nearest rank. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)] ?? Number.NaN;
}
