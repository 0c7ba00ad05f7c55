import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { type MaintenanceDeps, maintain } from "../../src/identity/maintenance.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import { createErasureStore } from "../../src/identity/store/erasure.ts";
import { createLeaseStore } from "../../src/identity/store/leases.ts";
import { createPruningStore } from "../../src/identity/store/pruning.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let db: Db;
let sql: postgres.Sql;
let deps: MaintenanceDeps;
let batches: number[] = [];
const erasedInBatches: number[] = [];
beforeAll(async () => {
  database = await createDatabase(inject("databaseUrl"), inject("template"));
  db = openDb(toDatabaseConfig({ DATABASE_URL: database.url }));
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
  const pruning = createPruningStore(db);
  const erasure = createErasureStore(db);
  deps = {
    leases: createLeaseStore(db),
    keys: { maintain: async () => {} },
    erasure: {
      erase: async (limit) => {
        const count = await erasure.erase(limit);
        erasedInBatches.push(count);
        return count;
      },
    },
    pruning: {
      ...pruning,
      loginSessions: async (limit) => {
        const count = await pruning.loginSessions(limit);
        batches.push(count);
        return count;
      },
    },
  };
});
afterAll(async () => {
  await db?.close();
  await sql?.end();
  await database?.[Symbol.asyncDispose]();
});

const NOTHING = { erasedUsers: 0, loginSessions: 0, auditEvents: 0 };
const signal = new AbortController().signal;

it("prunes in small batches what ended long ago, and nothing else", async () => {
  const [user] = await sql`
    insert into users (username, nickname, registration_source)
    values ('wx_a', 'a', 'miniapp') returning id`;
  const addSessions = (count: number, end: string) => sql`
    insert into sessions (id, user_id, app_id, openid, device, family_hash, token_hash, expires_at)
    select gen_random_uuid(), ${user?.id}, 'wx', 'o', '', '', '', now() + ${end}::interval
    from generate_series(1, ${count}::int)`;
  await addSessions(1_200, "-8 days");
  await addSessions(3, "-6 days");
  await addSessions(4, "1 day");
  await sql`
    insert into users (username, nickname, registration_source, erase_after)
    select 'due' || i, 'd', 'miniapp', now() - interval '1 second' from generate_series(1, 250) i`;
  const addEvent = (kind: string, age: string) => sql`
    insert into audit_events (at, kind, details, once)
    values (now() - ${age}::interval, ${kind}, '{}', ${randomUUID()})`;
  await addEvent("user_disabled", "181 days");
  await addEvent("user_disabled", "179 days");
  await addEvent("merge_candidate", "900 days");

  batches = [];
  expect(await maintain(deps, signal)).toEqual({
    erasedUsers: 250,
    loginSessions: 1_200,
    auditEvents: 1,
  });
  expect(batches).toEqual([500, 500, 200]);
  expect(erasedInBatches).toEqual([100, 100, 50]);
  const [left] = await sql`select count(*)::int as count from sessions`;
  expect(left?.count).toBe(7);
  const events = await sql`select kind from audit_events where kind <> 'user_erased'
    order by kind`;
  expect(events.map(({ kind }) => kind)).toEqual(["merge_candidate", "user_disabled"]);
});

it("is done by one process at a time, and by another when that one has died", async () => {
  const runs = await Promise.all(Array.from({ length: 6 }, () => maintain(deps, signal)));
  expect(runs.filter(Boolean).length).toBeGreaterThanOrEqual(1);
  // A process that died holding the lease.
  const { leases } = deps;
  expect(await leases.hold("maintenance", "dead", 3_600)).toBe(true);
  expect(await leases.hold("maintenance", "dead", 3_600)).toBe(true);
  expect(await maintain(deps, signal)).toBeUndefined();
  await sql`update leases set expires_at = now() - interval '1 second'`;
  expect(await maintain(deps, signal)).toEqual(NOTHING);
  expect(await leases.hold("maintenance", "next", 1)).toBe(true);
});

it("leaves the rest to whoever took the lease meanwhile", async () => {
  await sql`update leases set expires_at = now() - interval '1 second'`;
  const taken: MaintenanceDeps = {
    ...deps,
    keys: {
      maintain: async () => {
        await sql`update leases set holder = 'thief', expires_at = now() + interval '1 minute'`;
      },
    },
  };
  batches = [];
  expect(await maintain(taken, signal)).toEqual(NOTHING);
  expect(batches).toEqual([]);
});
