import { readFileSync } from "node:fs";
import postgres from "postgres";
import { expect, inject, it } from "vitest";
import { createDatabase } from "../support/database.ts";
import { runProcess } from "../support/process.ts";
import { createSurroundings } from "./surroundings.ts";

const { entries } = JSON.parse(
  readFileSync(new URL("../../drizzle/meta/_journal.json", import.meta.url), "utf8"),
);

/** Processes that migrate at once, as in a roll-out. */
const TOGETHER = 8;

/** Every column and index, and how many migrations count as applied. */
async function readSchema(url: string) {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const columns = await sql`
      select table_schema, table_name, column_name, data_type, is_nullable, column_default
      from information_schema.columns
      where table_schema in ('public', 'drizzle') order by 1, 2, 3`;
    const indexes = await sql`
      select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`;
    const [row] = await sql`select count(*)::int from drizzle.__drizzle_migrations`;
    return { columns: [...columns], indexes: [...indexes], applied: row?.count };
  } finally {
    await sql.end();
  }
}

/**
 * Holds back whoever migrates until `count` of them wait, so that they really meet; then lets go
 * of them all at once.
 */
async function holdUntilWaiting(url: string, count: number): Promise<void> {
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  const waiting = async () => {
    const [row] = await sql`
      select count(*)::int from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return row?.count;
  };
  try {
    const held = await sql.reserve();
    await held`begin`;
    await held`create schema drizzle`;
    await expect.poll(waiting, { timeout: 20_000, interval: 50 }).toBe(count);
    await held`rollback`;
    held.release();
  } finally {
    await sql.end({ timeout: 0 });
  }
}

it("brings an empty database up to date, however many do it at once, and again", {
  timeout: 60_000,
}, async () => {
  await using place = await createSurroundings();
  const { cwd, databaseUrl } = place;
  const migrate = () => runProcess("migrate", { env: { DATABASE_URL: databaseUrl }, cwd });
  const [, ...together] = await Promise.all([
    holdUntilWaiting(databaseUrl, TOGETHER),
    ...Array.from({ length: TOGETHER }, migrate),
  ]);
  for (const { code, said } of [...together, await migrate()]) {
    expect({ code, stderr: said.stderr }).toEqual({ code: 0, stderr: "" });
    expect(said.lines).toMatchObject([{ event: "done", role: "migrate" }]);
  }
  const schema = await readSchema(databaseUrl);
  expect(schema.applied).toBe(entries.length);
  expect(schema.columns.length).toBeGreaterThan(0);
  await using other = await createDatabase(inject("databaseUrl"), inject("template"));
  expect(schema).toEqual(await readSchema(other.url));
});

it("comes first: identity refuses a database without its schema, or with a newer one", async () => {
  await using place = await createSurroundings();
  const { cwd, databaseUrl, env } = place;
  const before = await runProcess("identity", { env, cwd });
  expect(before).toMatchObject({ code: 78, said: { lines: [] } });
  expect(before.said.stderr).toMatch(/^mini-identity: DATABASE_URL: .*run migrate first\n$/);

  expect((await runProcess("migrate", { env, cwd })).code).toBe(0);
  const sql = postgres(databaseUrl, { max: 1 });
  await sql`
    insert into drizzle.__drizzle_migrations (hash, created_at)
    values ('later', ${Date.now() + 1e12})`.finally(() => sql.end());
  for (const role of ["identity", "migrate"]) {
    const { code, said } = await runProcess(role, { env, cwd });
    expect(code).toBe(78);
    expect(said.stderr).toMatch(/^mini-identity: DATABASE_URL: .*newer than this version knows\n$/);
  }
});
