import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { ConfigError } from "../../src/config-values.ts";
import { type KeyRing, type KeyRingOptions, openKeyRing } from "../../src/identity/keys.ts";
import { createSecrets } from "../../src/identity/secrets.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import { createSigningKeyStore } from "../../src/identity/store/signing-keys.ts";
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

const secrets = createSecrets([{ kid: "k1", key: randomBytes(32) }]);
const options = { accessTtlSeconds: 7_200, onError: () => {}, reloadIntervalMs: 600_000 };
const rings: KeyRing[] = [];
afterAll(() => {
  for (const ring of rings) ring.close();
});
const open = async (store = createSigningKeyStore(db), more: Partial<KeyRingOptions> = {}) => {
  const ring = await openKeyRing(store, secrets, { ...options, ...more });
  rings.push(ring);
  return ring;
};

it("makes one signing key for all replicas that start at once", async () => {
  const rings = await Promise.all(Array.from({ length: 8 }, () => open()));
  expect(new Set(rings.map((ring) => ring.signingKey().kid)).size).toBe(1);
  const [first] = rings[0]?.published() ?? [];
  expect(first).toEqual({
    kty: "EC",
    crv: "P-256",
    x: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    y: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    kid: rings[0]?.signingKey().kid,
    alg: "ES256",
    use: "sig",
  });
});

it("keeps the private key encrypted", async () => {
  const [row] = await createSigningKeyStore(db).list();
  expect(row?.encryptedPrivateKey).toMatch(/^k1\./);
  expect(row?.publicJwk).not.toHaveProperty("d");
});

it("says so when the master key that opens it is gone", async () => {
  const others = createSecrets([{ kid: "k2", key: randomBytes(32) }]);
  const opening = openKeyRing(createSigningKeyStore(db), others, options);
  await expect(opening).rejects.toThrow(ConfigError);
  await expect(opening).rejects.toThrow("MASTER_KEYS");
});

it("finds a key that another replica made, asking at most once in 30 s", async () => {
  let nowMs = 0;
  let asked = 0;
  const store = createSigningKeyStore(db);
  const counting = {
    ...store,
    list: () => {
      asked++;
      return store.list();
    },
  };
  const ring = await open(counting, { now: () => nowMs });
  const known = ring.signingKey().kid;
  expect(await ring.verificationKey(known)).toBeDefined();
  await Promise.all(Array.from({ length: 50 }, (_, i) => ring.verificationKey(`made-up-${i}`)));
  expect(asked).toBe(1);
  nowMs = 30_000;
  await Promise.all(Array.from({ length: 50 }, (_, i) => ring.verificationKey(`made-up-${i}`)));
  expect(asked).toBe(2);
});
