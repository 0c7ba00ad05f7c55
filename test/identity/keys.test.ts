import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { ConfigError } from "../../src/config-values.ts";
import { type KeyRing, type KeyRingOptions, openKeyRing } from "../../src/identity/keys.ts";
import { createSecrets } from "../../src/identity/secrets.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import { createSigningKeyStore } from "../../src/identity/store/signing-keys.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";

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

describe("a rotation", () => {
  const age = (column: "created_at" | "activated_at" | "retired_at", state: string, by: string) =>
    db.run(() =>
      db.orm.execute(
        `update signing_keys set ${column} = now() - interval '${by}' where state = '${state}'`,
      ),
    );
  const rotate = (ring: KeyRing, distrustPrevious = false) =>
    ring.rotate({ distrustPrevious, by: "tests" });

  it("signs with the key that was published before, and publishes another", async () => {
    const ring = await open();
    const [active, next] = ring.published();
    expect(ring.signingKey().kid).toBe(active?.kid);
    await age("created_at", "next", "8 seconds");
    const rotated = await rotate(ring);
    expect(rotated).toMatchObject({ rotated: true, kid: next?.kid });
    expect(ring.signingKey().kid).toBe(next?.kid);
    const kids = ring.published().map(({ kid }) => kid);
    expect(kids).toEqual([next?.kid, rotated.nextKid, active?.kid]);
    expect(await ring.verificationKey(active?.kid ?? "")).toBeDefined();
  });

  it("does nothing while the next key may not be known everywhere", async () => {
    const ring = await open();
    const before = ring.published();
    expect(await rotate(ring)).toMatchObject({ rotated: false, kid: before[0]?.kid });
    expect(ring.published()).toEqual(before);
  });

  it("happens once when several ask for it at once", async () => {
    const all = await Promise.all([open(), open(), open()]);
    await age("created_at", "next", "8 seconds");
    const done = await Promise.all(all.map((ring) => rotate(ring)));
    expect(done.filter(({ rotated }) => rotated)).toHaveLength(1);
    expect(new Set(done.map(({ kid }) => kid)).size).toBe(1);
  });

  it("is seen by the other processes before long", async () => {
    const other = await open(undefined, { reloadIntervalMs: 20 });
    const ring = await open();
    await age("created_at", "next", "8 seconds");
    const { kid, nextKid } = await rotate(ring);
    await until(() => other.signingKey().kid === kid);
    expect(other.published().map((key) => key.kid)).toContain(nextKid);
  });

  it("forgets the keys before at once when they are not trusted any more", async () => {
    const ring = await open();
    await age("created_at", "next", "8 seconds");
    const before = ring.signingKey().kid;
    const { kid, nextKid } = await rotate(ring, true);
    expect(ring.published().map((key) => key.kid)).toEqual([kid, nextKid]);
    expect(await ring.verificationKey(before)).toBeUndefined();
  });

  it("comes by itself after 90 days, and not before", async () => {
    const ring = await open();
    const before = ring.signingKey().kid;
    await age("created_at", "next", "90 days");
    await age("activated_at", "active", "89 days 23 hours");
    await ring.maintain();
    expect(ring.signingKey().kid).toBe(before);
    await age("activated_at", "active", "90 days");
    await ring.maintain();
    expect(ring.signingKey().kid).not.toBe(before);
  });

  it("keeps a retired key for as long as its tokens live", async () => {
    const ring = await open();
    const retired = ring.published().at(-1)?.kid ?? "";
    await age("retired_at", "retired", "2 hours 1 minute");
    await ring.maintain();
    expect((await open()).published().map(({ kid }) => kid)).toContain(retired);
    await age("retired_at", "retired", "2 hours 3 minutes");
    await ring.maintain();
    expect((await open()).published()).toHaveLength(2);
  });

  it("is noted with who asked for it", async () => {
    const events = await db.run(() =>
      db.orm.execute(
        "select details->>'by' as by from audit_events where kind = 'signing_key_rotated' order by id",
      ),
    );
    expect(events.map(({ by }) => by)).toEqual(["tests", "tests", "tests", "tests", "schedule"]);
  });
});
