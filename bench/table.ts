import { availableParallelism } from "node:os";
import type { LoadFigures } from "./load.ts";
import type { Options } from "./options.ts";
import type { Scenario } from "./scenarios.ts";

/** What one round of one scenario measured. */
export interface Round extends LoadFigures {
  /** Microseconds per login of each of the scenario's servers. */
  cpuMicroseconds: number[];
}

export interface Heading extends Options {
  warmUpLogins: readonly [atFirst: number, beforeEachRound: number];
  stores: string[];
}

/** The table as text: for each figure the median of the rounds. */
export function toTable(heading: Heading, results: ReadonlyMap<Scenario, Round[]>): string {
  const { logins, rounds, concurrency, warmUpLogins, stores } = heading;
  const [atFirst, beforeEachRound] = warmUpLogins;
  const rows = [...results].map(([scenario, measured]) => toRow(scenario, measured));
  const head = ["", "logins/s", "min-max", "p50 ms", "p99 ms", "server CPU µs per login"];
  return `
Returning logins: the median of ${rounds} rounds of ${logins} each, ${concurrency} at a time, after ${atFirst} to
warm up and ${beforeEachRound} more before each round. ${availableParallelism()} cores for everything: each server is a process
of its own, and logs at info; the simulator, the databases and the load generator run beside
them. The load generator's own pauses are part of every p99: the echo shows how much.
Node ${process.versions.node}, ${stores.join(", ")}.

${align([head, ...rows])}

`;
}

function toRow({ name, servers }: Scenario, measured: readonly Round[]): string[] {
  const figure = (of: (round: Round) => number) => measured.map(of).sort((a, b) => a - b);
  const perSecond = figure(({ loginsPerSecond }) => loginsPerSecond);
  const cpu = servers.map((server, index) => {
    return { name: server.name, us: median(figure((round) => round.cpuMicroseconds[index] ?? 0)) };
  });
  const parts = cpu.map((part) => `${part.name} ${whole(part.us)}`).join(" + ");
  const sum = whole(cpu.reduce((total, { us }) => total + us, 0));
  return [
    name,
    whole(median(perSecond)),
    `${whole(perSecond[0] ?? 0)}-${whole(perSecond.at(-1) ?? 0)}`,
    median(figure(({ p50Ms }) => p50Ms)).toFixed(1),
    median(figure(({ p99Ms }) => p99Ms)).toFixed(1),
    cpu.length > 1 ? `${sum} = ${parts}` : sum,
  ];
}

function median(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  const [low = 0, high = 0] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return (low + high) / 2;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** First and last column to the left, numbers to the right. */
function align(rows: readonly string[][]): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number, { length }: string[]) => {
    if (column === length - 1) return cell;
    const width = widths?.[column] ?? 0;
    return column === 0 ? cell.padEnd(width) : cell.padStart(width);
  };
  return rows.map((row) => row.map((cell, column) => pad(cell, column, row)).join("  ")).join("\n");
}
