import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, inject, it } from "vitest";
import { checkBudget, checkUsers, checkVitals } from "../../soak/books.ts";
import { createLedger } from "../../soak/ledger.ts";

const RUN = fileURLToPath(new URL("../../soak/run.ts", import.meta.url));

it("keeps its books through a minute of faults", { timeout: 180_000 }, async () => {
  const { PATH = "", HOME = "" } = process.env;
  const env = {
    PATH,
    HOME,
    BENCH_DATABASE_URL: inject("databaseUrl"),
    BENCH_REDIS_URL: inject("redisUrl"),
  };
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; said: string }>();
  execFile(process.execPath, [RUN, "--minutes", "1"], { env }, (error, stdout, stderr) => {
    resolve({ code: error?.code ?? 0, said: stdout + stderr });
  });
  const { code, said } = await promise;
  expect(said).toMatch(/the books hold\n$/);
  expect(code).toBe(0);
  for (const fault of ["Redis cut", "PostgreSQL's back ends", "identity replaced", "WeChat slow"]) {
    expect(said).toMatch(new RegExp(`^fault +${fault}.*: [1-9]\\d* times$`, "m"));
  }
});

/** Two people and what the database has of them, all well. */
function inOrder() {
  const { accounts } = createLedger(2);
  for (const [i, account] of accounts.entries()) {
    account.userIds.add(i + 1);
    Object.assign(account, { ackedNickname: 3, ackedVersion: 4, triedNickname: 5 });
  }
  const rows = accounts.map((_, i) => ({ id: i + 1, nickname: "n3", version: 4 }));
  const [account, row] = [accounts[0], rows[0]] as [(typeof accounts)[0], (typeof rows)[0]];
  return { accounts, account, rows, row };
}

it("finds nothing where all is well, also a write that was done and not acknowledged", () => {
  const { accounts, rows, row } = inOrder();
  Object.assign(row, { nickname: "n5", version: 6 });
  expect(checkUsers(accounts, rows)).toEqual([]);
});

it.each<[string, (books: ReturnType<typeof inOrder>) => void]>([
  ["an acknowledged write that is not there", ({ row }) => Object.assign(row, { nickname: "n2" })],
  ["a write that nobody made", ({ row }) => Object.assign(row, { nickname: "n6" })],
  ["a version that went back", ({ row }) => Object.assign(row, { version: 3 })],
  ["a person with two users", ({ account }) => account.userIds.add(7)],
  ["two people with one user", ({ accounts }) => accounts[1]?.userIds.add(1) && accounts.reverse()],
  ["a user too many", ({ rows }) => rows.push({ id: 3, nickname: "", version: 1 })],
  ["a user that is gone", ({ rows }) => rows.pop()],
])("finds %s", (_, spoil) => {
  const books = inOrder();
  spoil(books);
  expect(checkUsers(books.accounts, books.rows)).not.toEqual([]);
});

it("explains by WeChat's faults no more than logins, and only at their time", () => {
  const windows = [{ name: "WeChat cut", fromMs: 1_000, toMs: 2_000, failsLogins: true }];
  const failure = { atMs: 1_500, what: "login", reason: "UPSTREAM_BUSY" } as const;
  const wrongsOf = (change: object) =>
    checkBudget(
      { accounts: [], requests: 900, failures: [{ ...failure, ...change }], wrongs: [] },
      windows,
    );
  expect(wrongsOf({})).toEqual([]);
  for (const change of [{ atMs: 2_001 }, { what: "refresh" }, { reason: "STORAGE_UNAVAILABLE" }]) {
    expect(wrongsOf(change)).toEqual(["1 of 900 requests failed, and 0.1 % may"]);
  }
});

it("finds memory and sockets that grow", () => {
  const samples = (growth: { bytes?: number; files?: number }) =>
    Array.from({ length: 8 }, (_, i) => ({
      bytes: 1e8 + i * (growth.bytes ?? 0),
      files: 50 + i * (growth.files ?? 0),
    }));
  const vitalsOf = (growth: object) => new Map([["gateway", samples(growth)]]);
  expect(checkVitals(vitalsOf({}))).toEqual([]);
  expect(checkVitals(vitalsOf({ bytes: 4e7 }))).toEqual(["gateway's memory grows"]);
  expect(checkVitals(vitalsOf({ files: 20 }))).toEqual(["gateway's sockets grow"]);
});
