import { type CryptoKey, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";

export const SIGNING_ALGORITHM = "ES256";

/** RFC 9068, section 2.1. */
export const TOKEN_TYPE = "at+jwt";

/** A longer one is not looked at. */
const MAX_TOKEN_LENGTH = 4_096;

/** How far the clocks of two machines may be apart. */
const CLOCK_TOLERANCE_SECONDS = 30;

/** What an access token says. */
export interface AccessTokenClaims {
  /** Identifies the person in every service. */
  userId: number;
  username: string;
  /** The mini program that the login was in; the claim `aud`. */
  appId: string;
  /** The person's id in it. */
  openid: string;
  /** The login; the claim `sid`. */
  loginSessionId: string;
  /** Of this token; the claim `jti`. */
  tokenId: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

/** Why a token does not hold. */
export class AccessTokenError extends Error {
  override readonly name = "AccessTokenError";
  readonly reason: "TOKEN_INVALID" | "TOKEN_EXPIRED";

  constructor(reason: AccessTokenError["reason"], cause?: unknown) {
    super(reason === "TOKEN_EXPIRED" ? "the token has expired" : "the token is not valid", {
      cause,
    });
    this.reason = reason;
  }
}

export interface AccessTokenRules {
  issuer: string;
  /** The mini programs whose tokens are taken; by default every one of the issuer. */
  audience?: string | string[] | undefined;
  /** Undefined for a kid that is not known. What it throws is thrown on. */
  findKey(kid: string): Promise<CryptoKey | undefined>;
  /** Milliseconds, as `Date.now`. */
  now(): number;
}

/**
 * Everything that has to hold of an access token, for identity and for all who verify one elsewhere
 * (RFC 9068, section 4; RFC 8725). Rejects with {@link AccessTokenError}.
 */
export async function verifyAccessToken(
  token: string,
  { issuer, audience, findKey, now }: AccessTokenRules,
): Promise<AccessTokenClaims> {
  if (token.length > MAX_TOKEN_LENGTH) throw new AccessTokenError("TOKEN_INVALID");
  const kid = readKid(token);
  const key = kid === undefined ? undefined : await findKey(kid);
  if (!key) throw new AccessTokenError("TOKEN_INVALID");
  const nowMs = now();
  const { payload } = await jwtVerify(token, key, {
    algorithms: [SIGNING_ALGORITHM],
    typ: TOKEN_TYPE,
    issuer,
    ...(audience === undefined ? {} : { audience }),
    requiredClaims: ["aud", "sub", "iat", "exp", "jti", "sid", "openid"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(nowMs),
  }).catch((cause) => {
    const isExpired = cause instanceof errors.JWTExpired;
    throw new AccessTokenError(isExpired ? "TOKEN_EXPIRED" : "TOKEN_INVALID", cause);
  });
  const claims = toClaims(payload);
  if (!claims || claims.issuedAtMs > nowMs + CLOCK_TOLERANCE_SECONDS * 1_000) {
    throw new AccessTokenError("TOKEN_INVALID");
  }
  return claims;
}

function readKid(token: string): string | undefined {
  try {
    const { kid } = decodeProtectedHeader(token);
    return typeof kid === "string" ? kid : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where one is missing or of another shape than we write it. */
function toClaims(payload: JWTPayload): AccessTokenClaims | undefined {
  const { sub, id, aud, username, openid, sid, jti, iat, exp } = payload;
  const userId = Number(sub);
  if (!Number.isSafeInteger(userId) || userId <= 0 || id !== userId) return undefined;
  if (!isText(username) || !isText(aud) || !isText(openid) || !isText(sid) || !isText(jti)) {
    return undefined;
  }
  return {
    userId,
    username,
    appId: aud,
    openid,
    loginSessionId: sid,
    tokenId: jti,
    issuedAtMs: Number(iat) * 1_000,
    expiresAtMs: Number(exp) * 1_000,
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
