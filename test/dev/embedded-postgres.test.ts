import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import postgres from "postgres";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startEmbeddedPostgres } from "../../src/dev/embedded-postgres.ts";

let root: string;
let shared: string | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "embedded-postgres-"));
  chmodSync(root, 0o755);
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
  if (shared) rmSync(shared, { recursive: true, force: true });
  shared = undefined;
});

async function query<T>(url: string, run: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await run(sql);
  } finally {
    await sql.end();
  }
}

async function start(dataDir = join(root, "data", "postgres")) {
  const server = await startEmbeddedPostgres(dataDir, { durable: false });
  if (server.note) shared = dirname(server.clusterDir);
  return server;
}

it("keeps its data from one start to the next", { timeout: 60_000 }, async () => {
  const first = await start();
  await query(first.url, (sql) => sql`create table kept as select 42 as answer`);
  await first.close();
  await expect(query(first.url, (sql) => sql`select 1`)).rejects.toThrow("ECONNREFUSED");
  expect(statSync(join(root, "data", "postgres-password")).mode & 0o777).toBe(0o600);

  const second = await start();
  expect(await query(second.url, (sql) => sql`select answer from kept`)).toEqual([{ answer: 42 }]);
  await second.close();
});

it("gets over an initdb that was interrupted", { timeout: 60_000 }, async () => {
  mkdirSync(join(root, "data", "postgres.new", "base"), { recursive: true });
  mkdirSync(join(root, "data", "postgres"));
  const server = await start();
  expect(await query(server.url, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
  await server.close();
});

it("takes over from a process that was killed, not from one alive", {
  timeout: 60_000,
}, async () => {
  const module = new URL("../../src/dev/embedded-postgres.ts", import.meta.url).href;
  const dataDir = join(root, "data", "postgres");
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
    await startEmbeddedPostgres(${JSON.stringify(dataDir)}, { durable: false });
    process.stdout.write("ready");
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(owner.stdout, "data");
  await expect(start()).rejects.toThrow("already uses");
  owner.kill("SIGKILL");
  await once(owner, "exit");
  const server = await start();
  expect(await query(server.url, (sql) => sql`select 1 as one`)).toEqual([{ one: 1 }]);
  await server.close();
});

// PostgreSQL refuses root only; whoever else runs this has nothing to see.
const itAsRoot = process.getuid?.() === 0 ? it : () => {};
itAsRoot(
  "keeps its data elsewhere where the user postgres may not enter",
  { timeout: 60_000 },
  async () => {
    const closed = join(root, "home");
    mkdirSync(closed, { mode: 0o700 });
    const dataDir = join(closed, "data", "postgres");
    const first = await start(dataDir);
    expect(first.note).toContain(first.clusterDir);
    await query(first.url, (sql) => sql`create table kept as select 42 as answer`);
    await first.close();
    const second = await start(dataDir);
    expect(await query(second.url, (sql) => sql`select * from kept`)).toEqual([{ answer: 42 }]);
    await second.close();

    rmSync(join(closed, "data"), { recursive: true });
    const third = await start(dataDir);
    await expect(query(third.url, (sql) => sql`select * from kept`)).rejects.toThrow("not exist");
    await third.close();
  },
);
