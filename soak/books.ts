import type postgres from "postgres";
import type { Window } from "./faults.ts";
import type { Account, Failure, Ledger } from "./ledger.ts";
import { compare, type Vitals } from "./vitals.ts";

/** Of all requests, but the logins while WeChat is not well. */
const ERROR_BUDGET = 0.001;

/** More than a process that was replaced still takes while it warms up. */
const GROWTH_LIMIT_BYTES = 128 * 1024 * 1024;
const GROWTH_LIMIT_FILES = 64;

/** What a fault of WeChat may make of a login: all others are ours. */
const WECHATS_REASONS = new Set(["UPSTREAM_BUSY", "OVERLOADED", "LOGIN_CODE_USED"]);

/** A user as the database has it. */
export interface Row {
  id: number;
  nickname: string;
  version: number;
}

export async function readUsers(sql: postgres.Sql): Promise<Row[]> {
  const rows = await sql`select id, nickname, version from users`;
  return rows.map(({ id, nickname, version }) => {
    return { id: Number(id), nickname: String(nickname), version: Number(version) };
  });
}

/** What is wrong with what was written, in words: one user for each person, and each acknowledged write. */
export function checkUsers(accounts: readonly Account[], rows: readonly Row[]): string[] {
  const wrongs: string[] = [];
  const byId = new Map(rows.map((row) => [row.id, row]));
  if (rows.length !== accounts.length) {
    wrongs.push(`${accounts.length} people are ${rows.length} users`);
  }
  const taken = new Set<number>();
  for (const { name, userIds, ackedNickname, ackedVersion, triedNickname } of accounts) {
    const [id = 0, ...others] = userIds;
    if (others.length > 0 || taken.has(id)) wrongs.push(`${name} has no user of its own`);
    taken.add(id);
    const row = byId.get(id);
    const written = Number(row?.nickname.slice(1)) || 0;
    const isThere =
      row && row.version >= ackedVersion && written >= ackedNickname && written <= triedNickname;
    if (!isThere) wrongs.push(`${name}: n${ackedNickname} was acknowledged, n${written} is there`);
  }
  return wrongs;
}

/** The failures that count: those that no fault of WeChat explains. */
export function unexplained(failures: readonly Failure[], windows: readonly Window[]): Failure[] {
  return failures.filter(({ atMs, what, reason }) => {
    const within = windows.some((window) => {
      return window.failsLogins && atMs >= window.fromMs && atMs <= window.toMs;
    });
    return !(within && what === "login" && WECHATS_REASONS.has(reason));
  });
}

/** What is wrong with how many requests failed. */
export function checkBudget({ requests, failures }: Ledger, windows: readonly Window[]): string[] {
  const counted = unexplained(failures, windows);
  const wrongs = counted
    .filter(({ reason }) => reason === "INTERNAL")
    .map(({ what }) => `a ${what} found INTERNAL`);
  if (counted.length > requests * ERROR_BUDGET) {
    wrongs.push(`${counted.length} of ${requests} requests failed, and 0.1 % may`);
  }
  return wrongs;
}

/** What is wrong with what the processes have taken. */
export function checkVitals(vitals: Vitals): string[] {
  return [...vitals].flatMap(([name, samples]) => {
    const { before, after } = compare(samples);
    return [
      ...(after.bytes - before.bytes > GROWTH_LIMIT_BYTES ? [`${name}'s memory grows`] : []),
      ...(after.files - before.files > GROWTH_LIMIT_FILES ? [`${name}'s sockets grow`] : []),
    ];
  });
}
