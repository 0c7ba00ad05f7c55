import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { ConfigError } from "../../src/config-values.ts";
import type { UserId } from "../../src/identity/ids.ts";
import { createPhones } from "../../src/identity/phones.ts";
import { assertMasterKeys, rewrapAll } from "../../src/identity/rewrap.ts";
import { createSecrets } from "../../src/identity/secrets.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import {
  createSealedValueStore,
  type SealedValueStore,
} from "../../src/identity/store/sealed-values.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

const PEOPLE = 450;

let database: TestDatabase;
let db: Db;
let sql: postgres.Sql;
let values: SealedValueStore;
beforeAll(async () => {
  database = await createDatabase(inject("databaseUrl"), inject("template"));
  db = openDb(toDatabaseConfig({ DATABASE_URL: database.url }));
  sql = postgres(database.url, { max: 1, onnotice: () => {} });
  values = createSealedValueStore(db);
});
afterAll(async () => {
  await db?.close();
  await sql?.end();
  await database?.[Symbol.asyncDispose]();
});

const [a, b, c] = ["a", "b", "c"].map((kid) => ({ kid, key: randomBytes(32) })) as [
  { kid: string; key: Buffer },
  { kid: string; key: Buffer },
  { kid: string; key: Buffer },
];
const phonesOf = (...keys: (typeof a)[]) => createPhones(Buffer.alloc(32), createSecrets(keys));
const numberOf = (i: number) => ({ countryCode: "86", number: String(13_800_000_000 + i) });

it("encrypts every phone number under the first key, whatever it was under", async () => {
  const [underA, underB] = [phonesOf(a), phonesOf(b)];
  for (let i = 1; i <= PEOPLE; i++) {
    const { phoneSealed } = (i % 3 === 0 ? underB : underA).toStored(numberOf(i), i as UserId);
    await sql`
      insert into users (id, username, nickname, registration_source, phone_sealed)
      values (${i}, ${`wx_${i}`}, 'a', 'miniapp', ${phoneSealed})`;
  }
  await sql`
    insert into users (id, username, nickname, registration_source)
    values (${PEOPLE + 1}, 'wx_none', 'a', 'miniapp')`;
  expect((await values.masterKids()).toSorted()).toEqual(["a", "b"]);
  await expect(assertMasterKeys(values, createSecrets([c, a]))).rejects.toThrow(ConfigError);
  await expect(assertMasterKeys(values, createSecrets([c, a]))).rejects.toThrow(/the key b that/);
  await expect(rewrapAll(values, createSecrets([c, a]))).rejects.toThrow(ConfigError);
  expect(await rewrapAll(values, createSecrets([c, b, a]))).toBe(PEOPLE);
  expect(await values.masterKids()).toEqual(["c"]);
  const rows = await sql`select id, phone_sealed from users where phone_sealed is not null`;
  expect(rows).toHaveLength(PEOPLE);
  const phones = phonesOf(c);
  for (const { id, phone_sealed: sealed } of rows) {
    const number = `+86${13_800_000_000 + Number(id)}`;
    expect(phones.open(sealed, Number(id) as UserId)).toBe(number);
  }
});

it("leaves a number that was bound meanwhile", async () => {
  const [value] = await values.notUnder("none", 1);
  const id = Number(value?.id) as UserId;
  const bound = phonesOf(c).toStored(numberOf(999_999), id).phoneSealed;
  await sql`update users set phone_sealed = ${bound} where id = ${id}`;
  expect(await values.replace(value as NonNullable<typeof value>, "stale")).toBe(false);
  const [row] = await sql`select phone_sealed from users where id = ${id}`;
  expect(row?.phone_sealed).toBe(bound);
});

it("looks for the keys in use without reading every number", async () => {
  await sql`analyze users`;
  await sql`set enable_seqscan = off`;
  const plan = await sql`
    explain select split_part(phone_sealed, '.', 1) from users
    where phone_sealed is not null and split_part(phone_sealed, '.', 1) > 'a'
    order by split_part(phone_sealed, '.', 1) limit 1`;
  expect(JSON.stringify(plan)).toContain("users_phone_master_key");
});
