import { type CryptoKey, createRemoteJWKSet, customFetch, errors } from "jose";
import {
  type AccessTokenClaims,
  AccessTokenError,
  SIGNING_ALGORITHM,
  verifyAccessToken,
} from "./access-token.ts";
import { IdentityCallError } from "./client-errors.ts";

/** So old, the keys are asked for again, while the old ones go on serving. */
const FRESH_MS = 600_000;

/** How often an unknown kid may make us ask. */
const UNKNOWN_KID_INTERVAL_MS = 30_000;

/** After a failure, before the next try. */
const FAILURE_PAUSE_MS = 1_000;

const TIMEOUT_MS = 2_000;
const MAX_JWKS_BYTES = 64 * 1024;

export interface TokenVerifierConfig {
  /** TOKEN_ISSUER of identity. */
  issuer: string;
  /** The gateway's `/.well-known/jwks.json`. */
  jwksUrl: string;
  /** The app ids of the mini programs whose tokens are taken; by default all of the issuer's. */
  audience?: string | string[];
}

/** Verifies access tokens without a call for each. */
export interface TokenVerifier {
  /**
   * What the token says. Rejects with IdentityCallError: TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED,
   * or OVERLOADED while no keys can be had. That a login was ended, only VerifyToken tells.
   */
  verify(token: string): Promise<AccessTokenClaims>;
}

/**
 * A verifier that keeps the public keys: asked for once by however many wait for them, and again every
 * 10 minutes or for an unknown kid (at most once in 30 s). Known keys go on serving while the gateway
 * is away.
 */
export function createTokenVerifier(config: TokenVerifierConfig): TokenVerifier {
  const { issuer, audience, jwksUrl } = config;
  let askedAtMs = 0;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  const fetchKeys = async (url: string, init: RequestInit) => {
    if (Date.now() - failedAtMs < FAILURE_PAUSE_MS) throw new Error("the last try has just failed");
    askedAtMs = Date.now();
    try {
      return await fetchBounded(url, init);
    } catch (error) {
      failedAtMs = Date.now();
      throw error;
    }
  };
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: Number.POSITIVE_INFINITY,
    cooldownDuration: UNKNOWN_KID_INTERVAL_MS,
    timeoutDuration: TIMEOUT_MS,
    [customFetch]: fetchKeys,
  });
  const findKey = async (kid: string): Promise<CryptoKey | undefined> => {
    // Nobody waits for it: the keys that are known serve meanwhile.
    if (keys.fresh && Date.now() - askedAtMs >= FRESH_MS) keys.reload().catch(() => {});
    try {
      return (await keys({ alg: SIGNING_ALGORITHM, kid })) as CryptoKey;
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      throw error;
    }
  };
  const rules = { issuer, audience, findKey, now: Date.now };
  return {
    verify: async (token) => {
      if (!token) throw refused("TOKEN_MISSING", "there is no token");
      try {
        return await verifyAccessToken(token, rules);
      } catch (error) {
        if (error instanceof AccessTokenError) throw refused(error.reason, error.message, error);
        const message = "the public keys cannot be had";
        const retryAfterMs = FAILURE_PAUSE_MS;
        throw new IdentityCallError({ reason: "OVERLOADED", message, retryAfterMs, cause: error });
      }
    },
  };
}

function refused(
  reason: "TOKEN_MISSING" | "TOKEN_INVALID" | "TOKEN_EXPIRED",
  message: string,
  cause?: unknown,
): IdentityCallError {
  return new IdentityCallError({ reason, message, cause });
}

/** Only a key set, and of a good size. */
async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_JWKS_BYTES) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`the answer is HTTP ${response.status}`);
  const jwks = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  if (!Array.isArray(jwks?.keys)) throw new Error("the answer is no key set");
  return Response.json(jwks);
}
