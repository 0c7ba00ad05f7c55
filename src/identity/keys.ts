import { randomUUID } from "node:crypto";
import { type CryptoKey, exportJWK, generateKeyPair, importJWK } from "jose";
import { SIGNING_ALGORITHM } from "../access-token.ts";
import { ConfigError } from "../config-values.ts";
import type { Secrets } from "./secrets.ts";
import type { PublicJwk, SigningKeyRow, SigningKeyStore } from "./store/signing-keys.ts";

/** How often an unknown kid may make us look into the database. */
const RELOAD_INTERVAL_MS = 30_000;

/** A public key as others see it (RFC 7517). */
export interface PublishedKey extends PublicJwk {
  kid: string;
  alg: typeof SIGNING_ALGORITHM;
  use: "sig";
}

/** The keys that access tokens are signed and verified with. */
export interface KeyRing {
  signingKey(): { kid: string; key: CryptoKey };
  /** Undefined for a kid that is not ours. Asks the database at most once in 30 s. */
  verificationKey(kid: string): Promise<CryptoKey | undefined>;
  published(): PublishedKey[];
}

interface Keys {
  signing: { kid: string; key: CryptoKey };
  verification: Map<string, CryptoKey>;
  published: PublishedKey[];
}

/** Loads the keys, and makes the first one where there is none yet. */
export async function openKeyRing(
  store: SigningKeyStore,
  secrets: Secrets,
  now: () => number = Date.now,
): Promise<KeyRing> {
  let keys = await load(store, secrets);
  let loadedAtMs = now();
  let reloading: Promise<Keys> | undefined;
  return {
    signingKey: () => keys.signing,
    published: () => keys.published,
    verificationKey: async (kid) => {
      if (!keys.verification.has(kid) && now() - loadedAtMs >= RELOAD_INTERVAL_MS) {
        reloading ??= load(store, secrets).finally(() => {
          reloading = undefined;
          loadedAtMs = now();
        });
        keys = await reloading;
      }
      return keys.verification.get(kid);
    },
  };
}

async function load(store: SigningKeyStore, secrets: Secrets): Promise<Keys> {
  let rows = await store.list();
  if (rows[0]?.state !== "active") {
    await store.addFirst(await generate(secrets));
    rows = await store.list();
  }
  const [active] = rows;
  if (active?.state !== "active") throw new Error("no active signing key");
  const verification = await Promise.all(
    rows.map(async ({ kid, publicJwk }) => [kid, await toKey(publicJwk)] as const),
  );
  return {
    signing: { kid: active.kid, key: await openPrivateKey(active, secrets) },
    verification: new Map(verification),
    published: rows.map(({ kid, publicJwk: { kty, crv, x, y } }) => {
      return { kty, crv, x, y, kid, alg: SIGNING_ALGORITHM, use: "sig" };
    }),
  };
}

async function generate(secrets: Secrets): Promise<Omit<SigningKeyRow, "state">> {
  const kid = randomUUID();
  const pair = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const { kty, crv, x, y } = await exportJWK(pair.publicKey);
  const privateJwk = JSON.stringify(await exportJWK(pair.privateKey));
  return {
    kid,
    publicJwk: { kty, crv, x, y } as PublicJwk,
    encryptedPrivateKey: secrets.seal(privateJwk, placeOf(kid)),
  };
}

async function openPrivateKey(row: SigningKeyRow, secrets: Secrets): Promise<CryptoKey> {
  try {
    return await toKey(JSON.parse(secrets.open(row.encryptedPrivateKey, placeOf(row.kid))));
  } catch {
    throw new ConfigError(
      "MASTER_KEYS does not open the signing key in the database: a key is missing from it",
    );
  }
}

async function toKey(jwk: PublicJwk): Promise<CryptoKey> {
  return (await importJWK({ ...jwk }, SIGNING_ALGORITHM)) as CryptoKey;
}

function placeOf(kid: string): string {
  return `signing_keys:${kid}`;
}
