import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { ConfigError } from "../../src/config-values.ts";
import { openDataKey } from "../../src/identity/data-keys.ts";
import type { UserId } from "../../src/identity/ids.ts";
import { createPhones } from "../../src/identity/phones.ts";
import { createSecrets } from "../../src/identity/secrets.ts";
import { createDataKeyStore } from "../../src/identity/store/data-keys.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let db: Db;
beforeAll(async () => {
  database = await createDatabase(inject("databaseUrl"), inject("template"));
  db = openDb(toDatabaseConfig({ DATABASE_URL: database.url }));
});
afterAll(async () => {
  await db?.close();
  await database?.[Symbol.asyncDispose]();
});

const old = { kid: "old", key: randomBytes(32) };
const fresh = { kid: "fresh", key: randomBytes(32) };
const open = async (...keys: (typeof old)[]) => {
  const secrets = createSecrets(keys);
  return createPhones(await openDataKey(createDataKeyStore(db), secrets, "phone_index"), secrets);
};

it("indexes alike in replicas that start at once, and after the master key was exchanged", async () => {
  const replicas = await Promise.all(Array.from({ length: 6 }, () => open(old)));
  const later = await open(fresh, old);
  const indexes = [...replicas, later].map((phones) => phones.indexOf("+8613800138000"));
  expect(new Set(indexes).size).toBe(1);
  expect(later.indexOf("+8613800138001")).not.toBe(indexes[0]);
});

it("opens a number for its own user only", async () => {
  const phones = await open(old);
  const phone = { countryCode: "86", number: "13800138000" };
  const { phoneSealed } = phones.toStored(phone, 1 as UserId);
  expect(phones.open(phoneSealed, 1 as UserId)).toBe("+8613800138000");
  expect(() => phones.open(phoneSealed, 2 as UserId)).toThrow();
});

it.each([
  [{ countryCode: "86", number: "13800138000" }, "138****8000"],
  [{ countryCode: "852", number: "51234567" }, "+852 ****4567"],
  [{ countryCode: "290", number: "51234" }, "+290 ****34"],
  [{ countryCode: "1", number: "2025550123" }, "+1 20****0123"],
])("masks %j as %s", async (phone, masked) => {
  expect((await open(old)).toStored(phone, 1 as UserId).phoneMasked).toBe(masked);
});

it("says so when the master key is gone", async () => {
  await expect(open(fresh)).rejects.toThrow(ConfigError);
  await expect(open(fresh)).rejects.toThrow("MASTER_KEYS");
});
