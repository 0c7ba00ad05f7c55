import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import { users } from "../../src/identity/store/schema.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createDatabase(inject("databaseUrl"), inject("template"));
  // All on one connection.
  db = openDb({ ...toDatabaseConfig({ DATABASE_URL: database.url }), poolSize: 1 });
});
afterAll(async () => {
  await db?.close();
  await database?.[Symbol.asyncDispose]();
});

/** Has rows, and then an error. */
const failMidway = () =>
  db.run(() => db.orm.execute(sql`select 1 / (3 - i) from generate_series(1, 9) i`));

it("reads whole what is asked after a query that failed in the middle of its rows", async () => {
  const { orm, run } = db;
  const username = "wx_somebody";
  await run(() =>
    orm.insert(users).values({ username, nickname: "n", registrationSource: "miniapp" }),
  );
  const byName = orm
    .select({ username: users.username })
    .from(users)
    .where(eq(users.username, username));
  const prepared = byName.prepare("find_somebody");
  for (const ask of [() => byName, () => prepared.execute()]) {
    await expect(failMidway()).rejects.toThrow();
    expect(await run<{ username: string }[]>(ask)).toEqual([{ username }]);
  }
  await expect(failMidway()).rejects.toThrow();
  const numbers = await run(() => orm.execute(sql`select i from generate_series(1, 3) i`));
  expect([...numbers]).toEqual([{ i: 1 }, { i: 2 }, { i: 3 }]);
  await expect(failMidway()).rejects.toThrow();
  const nobody = orm.select().from(users).where(eq(users.username, "wx_nobody"));
  expect(await run(() => nobody)).toEqual([]);
});
