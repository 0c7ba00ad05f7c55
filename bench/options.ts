import { parseArgs } from "node:util";

/** What may be asked for on the command line. */
export interface Options {
  /** Measured in each round of each scenario. */
  operations: number;
  /** Operations under way at any time. */
  concurrency: number;
  rounds: number;
  /** What the names of the rows wanted begin with; all, where none is given. */
  only: string[];
}

/** The flags; throws where one is unknown or makes no sense. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      operations: { type: "string", default: "3000" },
      concurrency: { type: "string", default: "16" },
      rounds: { type: "string", default: "5" },
      only: { type: "string", multiple: true, default: [] },
    },
  });
  return {
    operations: toCount("operations", values.operations, 50_000),
    // Identity lets 64 run and 1,024 wait.
    concurrency: toCount("concurrency", values.concurrency, 1_000),
    rounds: toCount("rounds", values.rounds, 50),
    only: values.only,
  };
}

function toCount(name: string, value: string, max: number): number {
  const count = Number(value);
  if (Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new Error(`--${name} is not a whole number from 1 to ${max}`);
}
