import { unexplained } from "./books.ts";
import type { Window } from "./faults.ts";
import type { Failure, Ledger } from "./ledger.ts";
import { compare, type Vitals } from "./vitals.ts";

const MIB = 1024 * 1024;
const WRONGS_SHOWN = 20;

/** What was done, what went wrong by intent and what by itself, for people. */
export function toReport(
  { accounts, requests, failures }: Ledger,
  windows: readonly Window[],
  vitals: Vitals,
  wrongs: readonly string[],
): string {
  const counted = unexplained(failures, windows);
  const acked = accounts.reduce((sum, { ackedNickname }) => sum + ackedNickname, 0);
  const lines = [
    `people        ${accounts.length}, with ${requests} requests and profiles changed up to ${acked} times`,
    ...[...Map.groupBy(windows, ({ name }) => name)].map(
      ([name, of]) => `fault         ${name}: ${of.length} times`,
    ),
    `failed        ${failures.length} requests, ${toCounts(failures)}`,
    `unexplained   ${counted.length} of them (${((100 * counted.length) / requests).toFixed(3)} %), ${toCounts(counted)}`,
    ...toTimes(counted, windows),
    ...[...vitals].map(([name, samples]) => {
      const { before, after } = compare(samples);
      const mib = (bytes: number) => Math.round(bytes / MIB);
      const memory = `${mib(before.bytes)} -> ${mib(after.bytes)} MiB`;
      return `${name.padEnd(14)}${memory}, ${before.files} -> ${after.files} files`;
    }),
    ...wrongs.slice(0, WRONGS_SHOWN).map((wrong) => `WRONG         ${wrong}`),
    wrongs.length === 0 ? "the books hold" : `the books do not hold: ${wrongs.length} wrongs`,
  ];
  return `${lines.join("\n")}\n`;
}

/** When they were, by the second, and what was wrong then. */
function toTimes(failures: readonly Failure[], windows: readonly Window[]): string[] {
  return [...Map.groupBy(failures, ({ atMs }) => Math.floor(atMs / 1_000))].map(([second, of]) => {
    const [{ atMs } = { atMs: 0 }] = of;
    const during = windows.filter(({ fromMs, toMs }) => atMs >= fromMs && atMs <= toMs);
    const time = new Date(second * 1_000).toISOString().slice(11, 19);
    return `              ${time} ${toCounts(of)}: ${during.map(({ name }) => name).join(", ") || "nothing wrong"}`;
  });
}

function toCounts(failures: readonly Failure[]): string {
  const kinds = Map.groupBy(failures, ({ what, reason }) => `${what} ${reason}`);
  return [...kinds].map(([kind, of]) => `${of.length} ${kind}`).join(", ") || "none";
}
