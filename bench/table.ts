import { availableParallelism } from "node:os";
import type { Options } from "./options.ts";
import type { Comparison, Ratio } from "./ratios.ts";
import { median, type Row, summarise, sumOfCpu } from "./rows.ts";

export interface Heading extends Options {
  warmUpOperations: readonly [atFirst: number, beforeEachRound: number];
  stores: string[];
}

/** The tables as text: for each figure the median of the rounds. */
export function toTable(heading: Heading, rows: readonly Row[], ratios: readonly Ratio[]): string {
  const { operations, rounds, concurrency, warmUpOperations, stores } = heading;
  const [atFirst, beforeEachRound] = warmUpOperations;
  const head = [
    "",
    "per s",
    "min-max",
    "p50 ms",
    "p99 ms",
    "at half: p50",
    "p99",
    "CPU µs, min-max",
  ];
  return `
The median of ${rounds} rounds of ${operations} operations each, ${concurrency} at a time, all scenarios in turns,
after ${atFirst} to warm up and ${beforeEachRound} more before each round. What is no operation by name is a returning login.
${availableParallelism()} cores for everything: each server is a process of its own, ours log at info; the
simulator, the databases and the load generator run beside them. The load generator's own pauses are
part of every p99: the echo shows how much. CPU is that of the servers in the row, per operation.
Node ${process.versions.node}, ${stores.join(", ")}.

${align([head, ...rows.map(toCells)])}

"The floor" is the same ratio of what does nothing but the steps of a login, in as many processes.

${align([["", "median", "min-max", "the floor", "min-max", "target", ""], ...ratios.map(toRatioCells)])}

`;
}

function toCells(row: Row): string[] {
  const perSecond = summarise(row, ({ loginsPerSecond }) => loginsPerSecond);
  const cpu = summarise(row, sumOfCpu);
  const parts = row.servers.map((name, index) => {
    return `${name} ${whole(summarise(row, ({ cpuMicroseconds: it }) => it[index] ?? 0).median)}`;
  });
  const atHalfLoad = (figure: "p50Ms" | "p99Ms") =>
    row.atHalfLoad.length > 0 ? median(row.atHalfLoad.map((it) => it[figure])).toFixed(1) : "";
  const range = `${whole(cpu.median)}, ${whole(cpu.min)}-${whole(cpu.max)}`;
  return [
    row.name,
    whole(perSecond.median),
    `${whole(perSecond.min)}-${whole(perSecond.max)}`,
    summarise(row, ({ p50Ms }) => p50Ms).median.toFixed(1),
    summarise(row, ({ p99Ms }) => p99Ms).median.toFixed(1),
    atHalfLoad("p50Ms"),
    atHalfLoad("p99Ms"),
    parts.length > 1 ? `${range} (${parts.join(" + ")})` : range,
  ];
}

function toRatioCells({ name, target, isMet, floor, ...ratio }: Ratio): string[] {
  const figures = [...toComparisonCells(ratio), ...(floor ? toComparisonCells(floor) : ["", ""])];
  return [name, ...figures, target, isMet ? "met" : "MISSED"];
}

function toComparisonCells({ value, spread: [min, max] }: Comparison): [string, string] {
  return [value.toFixed(2), `${min.toFixed(2)}-${max.toFixed(2)}`];
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
