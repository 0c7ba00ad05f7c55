import type { LoadFigures } from "./load.ts";
import type { Scenario } from "./scenarios.ts";

/** What one round of one scenario measured. */
export interface Round extends LoadFigures {
  /** Microseconds per operation of each of the scenario's servers. */
  cpuMicroseconds: number[];
}

/** All rounds of a scenario. */
export interface Row extends Pick<Scenario, "name" | "kind"> {
  servers: string[];
  rounds: Round[];
  /** As many rounds at half of the rate that was reached; of logins and what they are compared with. */
  atHalfLoad: LoadFigures[];
}

/** Of a figure over the rounds. */
export interface Summary {
  median: number;
  min: number;
  max: number;
}

export function summarise(row: Row, figure: (round: Round) => number): Summary {
  const sorted = row.rounds.map(figure).sort((a, b) => a - b);
  return { median: median(sorted), min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

export function sumOfCpu({ cpuMicroseconds }: Round): number {
  return cpuMicroseconds.reduce((sum, us) => sum + us, 0);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low = 0, high = 0] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return (low + high) / 2;
}
