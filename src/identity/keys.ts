import { createPrivateKey, type KeyObject, randomUUID } from "node:crypto";
import { type CryptoKey, exportJWK, generateKeyPair, importJWK } from "jose";
import { SIGNING_ALGORITHM } from "../access-token.ts";
import { ConfigError } from "../config-values.ts";
import type { Secrets } from "./secrets.ts";
import type {
  NewSigningKey,
  PublicJwk,
  SigningKeyRow,
  SigningKeyStore,
} from "./store/signing-keys.ts";

/** How often each process looks for new keys. */
const RELOAD_INTERVAL_MS = 3_000;

/** For how long a key is published before it signs: every process has looked for it by then. */
const MIN_PUBLISHED_SECONDS = 8;

/** How often an unknown kid may make us look once more. */
const UNKNOWN_KID_INTERVAL_MS = 30_000;

/** A key signs for so long. */
const ROTATION_SECONDS = 90 * 86_400;

/** For how long a retired key outlives the tokens that it signed. */
const RETIRED_EXTRA_SECONDS = 120;

/** A public key as others see it (RFC 7517). */
export interface PublishedKey extends PublicJwk {
  kid: string;
  alg: typeof SIGNING_ALGORITHM;
  use: "sig";
}

export interface RotatedKeys {
  /** Signs from now on. */
  kid: string;
  nextKid: string;
  /** False when it was too early to. */
  rotated: boolean;
}

/** The keys that access tokens are signed and verified with. */
export interface KeyRing {
  signingKey(): { kid: string; key: KeyObject };
  /** Undefined for a kid that is not ours. Asks the database at most once in 30 s. */
  verificationKey(kid: string): Promise<CryptoKey | undefined>;
  /** The signing one first, then the next one. */
  published(): PublishedKey[];
  /** Signs with the next key, if it has been published for long enough. */
  rotate(options: { distrustPrevious: boolean; by: string }): Promise<RotatedKeys>;
  /** Rotates when the active key is 90 days old, and forgets keys whose tokens have all expired. */
  maintain(): Promise<void>;
  close(): void;
}

export interface KeyRingOptions {
  accessTtlSeconds: number;
  /** Told when the keys could not be looked for; the known ones go on serving. */
  onError(error: Error): void;
  now?: () => number;
  reloadIntervalMs?: number;
}

interface Keys {
  /** The kids in the order of the rows, with their states. */
  version: string;
  signing: { kid: string; key: KeyObject };
  nextKid: string;
  verification: Map<string, CryptoKey>;
  published: PublishedKey[];
}

/** Loads the keys, and makes the first ones where there are none yet. */
export async function openKeyRing(
  store: SigningKeyStore,
  secrets: Secrets,
  options: KeyRingOptions,
): Promise<KeyRing> {
  const { accessTtlSeconds, onError, now = Date.now } = options;
  let keys = await load(store, secrets);
  let askedAtMs = now();
  let reloading: Promise<void> | undefined;
  const reload = () => {
    reloading ??= load(store, secrets, keys)
      .then((loaded) => {
        keys = loaded;
      })
      .finally(() => {
        reloading = undefined;
      });
    return reloading;
  };
  const rotate = async (distrustPrevious: boolean, by: string, minActiveSeconds: number) => {
    const minPublishedSeconds = MIN_PUBLISHED_SECONDS;
    const fresh = await generate(secrets);
    const bounds = { minPublishedSeconds, minActiveSeconds };
    const rotated = await store.rotate({ fresh, ...bounds, distrustPrevious, by });
    await reloading?.catch(() => {});
    await reload();
    return { kid: keys.signing.kid, nextKid: keys.nextKid, rotated };
  };
  const { reloadIntervalMs = RELOAD_INTERVAL_MS } = options;
  const timer = setInterval(() => reload().catch(onError), reloadIntervalMs);
  return {
    signingKey: () => keys.signing,
    published: () => keys.published,
    verificationKey: async (kid) => {
      if (!keys.verification.has(kid) && now() - askedAtMs >= UNKNOWN_KID_INTERVAL_MS) {
        askedAtMs = now();
        await reload();
      }
      return keys.verification.get(kid);
    },
    rotate: ({ distrustPrevious, by }) => rotate(distrustPrevious, by, 0),
    maintain: async () => {
      await rotate(false, "schedule", ROTATION_SECONDS);
      await store.forgetRetired(accessTtlSeconds + RETIRED_EXTRA_SECONDS);
    },
    close: () => clearInterval(timer),
  };
}

/** The same as before when nothing has changed. */
async function load(store: SigningKeyStore, secrets: Secrets, before?: Keys): Promise<Keys> {
  const rows = await listOrMake(store, secrets);
  const version = rows.map(({ kid, state }) => `${kid} ${state}`).join();
  if (before?.version === version) return before;
  const [active, next] = rows;
  if (active?.state !== "active" || next?.state !== "next") throw new Error("no signing key");
  // The next one too: that it does not open is to be known before it signs.
  const key = openPrivateKey(active, secrets);
  openPrivateKey(next, secrets);
  const verification = await Promise.all(
    rows.map(async ({ kid, publicJwk }) => [kid, await toKey(publicJwk)] as const),
  );
  return {
    version,
    signing: { kid: active.kid, key },
    nextKid: next.kid,
    verification: new Map(verification),
    published: rows.map(({ kid, publicJwk: { kty, crv, x, y } }) => {
      return { kty, crv, x, y, kid, alg: SIGNING_ALGORITHM, use: "sig" };
    }),
  };
}

async function listOrMake(store: SigningKeyStore, secrets: Secrets): Promise<SigningKeyRow[]> {
  const rows = await store.list();
  const missing = (["active", "next"] as const).filter(
    (state) => !rows.some((row) => row.state === state),
  );
  if (missing.length === 0) return rows;
  for (const state of missing) await store.addUnlessThere(state, await generate(secrets));
  return store.list();
}

async function generate(secrets: Secrets): Promise<NewSigningKey> {
  const kid = randomUUID();
  const pair = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
  const { kty, crv, x, y } = await exportJWK(pair.publicKey);
  const privateJwk = JSON.stringify(await exportJWK(pair.privateKey));
  return {
    kid,
    publicJwk: { kty, crv, x, y } as PublicJwk,
    encryptedPrivateKey: secrets.seal(privateJwk, placeOfSigningKey(kid)),
  };
}

function openPrivateKey(row: SigningKeyRow, secrets: Secrets): KeyObject {
  const { kid, encryptedPrivateKey } = row;
  try {
    const key = JSON.parse(secrets.open(encryptedPrivateKey, placeOfSigningKey(kid)));
    return createPrivateKey({ key, format: "jwk" });
  } catch {
    throw new ConfigError(
      "MASTER_KEYS does not open the signing key in the database: a key is missing from it",
    );
  }
}

async function toKey(jwk: PublicJwk): Promise<CryptoKey> {
  return (await importJWK({ ...jwk }, SIGNING_ALGORITHM)) as CryptoKey;
}

export function placeOfSigningKey(kid: string): string {
  return `signing_keys:${kid}`;
}
