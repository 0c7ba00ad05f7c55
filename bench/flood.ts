import { setTimeout as sleep } from "node:timers/promises";
import { type LoadFigures, percentile } from "./load.ts";

/** What a flood measured: logins are those that succeeded. */
export interface Flood extends LoadFigures {
  refusedP50Ms: number;
  refusedP99Ms: number;
  /** How many failed, by the reason. */
  failures: ReadonlyMap<string, number>;
}

export interface FloodOptions {
  perSecond: number;
  /** What is sent before is not measured. */
  settleMs: number;
  signal: AbortSignal;
}

const TICK_MS = 2;

/** Logs in at a steady rate, whatever becomes of those before. */
export async function flood(
  login: (code: string) => Promise<void>,
  codes: readonly string[],
  { perSecond, settleMs, signal }: FloodOptions,
): Promise<Flood> {
  const acceptedMs: number[] = [];
  const refusedMs: number[] = [];
  const failures = new Map<string, number>();
  let isMeasured = false;
  const send = async (code: string) => {
    const isOurs = isMeasured;
    const startedMs = performance.now();
    const error = await login(code).then(
      () => undefined,
      (it: Error) => it,
    );
    if (!isOurs) return;
    (error ? refusedMs : acceptedMs).push(performance.now() - startedMs);
    if (error) failures.set(toReason(error), (failures.get(toReason(error)) ?? 0) + 1);
  };
  const running: Promise<void>[] = [];
  const beganMs = performance.now();
  while (running.length < codes.length) {
    signal.throwIfAborted();
    const elapsedMs = performance.now() - beganMs;
    isMeasured = elapsedMs > settleMs;
    const due = Math.min((elapsedMs * perSecond) / 1_000, codes.length);
    while (running.length < due) running.push(send(codes[running.length] as string));
    await sleep(TICK_MS);
  }
  await Promise.all(running);
  const seconds = (performance.now() - beganMs - settleMs) / 1_000;
  acceptedMs.sort((left, right) => left - right);
  refusedMs.sort((left, right) => left - right);
  return {
    loginsPerSecond: acceptedMs.length / seconds,
    p50Ms: percentile(acceptedMs, 0.5),
    p99Ms: percentile(acceptedMs, 0.99),
    refusedP50Ms: percentile(refusedMs, 0.5),
    refusedP99Ms: percentile(refusedMs, 0.99),
    failures,
  };
}

/** `OVERLOADED`, or what else the message begins with after the server's name. */
function toReason({ message }: Error): string {
  return /"reason":"(\w+)"/.exec(message)?.[1] ?? /failed: (\w+)/.exec(message)?.[1] ?? message;
}
