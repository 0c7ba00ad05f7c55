import type { Stage } from "./stage.ts";

const SAMPLE_MS = 1_000;

/** What a process had in memory and open, at one moment. */
interface Sample {
  bytes: number;
  files: number;
}

/** The samples of each process that lived through all of it, by its name. */
export type Vitals = Map<string, Sample[]>;

/** Looks at the gateway, the only one that is never replaced, and at whoever is identity. */
export function watchVitals({ processes }: Stage): { stop(): Vitals } {
  const vitals: Vitals = new Map();
  const look = async () => {
    const { gateway, identities } = processes;
    for (const [index, { name: role, metric }] of [gateway, ...identities].entries()) {
      const name = index === 0 ? role : `${role} ${index}`;
      const [bytes, files] = await Promise.all([
        metric("process_resident_memory_bytes"),
        metric("process_open_fds"),
      ]);
      vitals.set(name, [...(vitals.get(name) ?? []), { bytes, files }]);
    }
  };
  // One that is just being replaced cannot be asked.
  const timer = setInterval(() => void look().catch(() => {}), SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return vitals;
    },
  };
}

/** The medians of the second and of the last quarter; the first is warming up. */
export function compare(samples: readonly Sample[]): { before: Sample; after: Sample } {
  const quarter = Math.floor(samples.length / 4);
  const of = (part: readonly Sample[]) => ({
    bytes: median(part.map(({ bytes }) => bytes)),
    files: median(part.map(({ files }) => files)),
  });
  return { before: of(samples.slice(quarter, 2 * quarter)), after: of(samples.slice(-quarter)) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
