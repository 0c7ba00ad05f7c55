import { randomUUID } from "node:crypto";
import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { TokenConfig } from "../config.ts";
import { IdentityError } from "./errors.ts";
import { parseUserId, type UserId } from "./ids.ts";
import { type KeyRing, SIGNING_ALGORITHM } from "./keys.ts";
import type { Account, User } from "./store/users.ts";

const TYPE = "at+jwt";
const MAX_TOKEN_LENGTH = 4_096;
const CLOCK_TOLERANCE_SECONDS = 30;

export interface IssuedToken {
  accessToken: string;
  expiresInSeconds: number;
}

/** Who a token speaks for. */
export interface Subject {
  userId: UserId;
  loginSessionId: string;
  /** The mini program that the login was in. */
  appId: string;
  openid: string;
  expiresAtMs: number;
}

/** Access tokens: JWS with ES256, `typ: at+jwt` (RFC 9068). */
export interface Tokens {
  issue(input: { user: User; account: Account; loginSessionId: string }): Promise<IssuedToken>;
  /** Rejects with TOKEN_EXPIRED or TOKEN_INVALID. */
  verify(accessToken: string): Promise<Subject>;
}

export function createTokens(
  config: TokenConfig,
  keys: KeyRing,
  now: () => number = Date.now,
): Tokens {
  return {
    issue: async ({ user, account, loginSessionId }) => {
      const { kid, key } = keys.signingKey();
      const issuedAt = Math.floor(now() / 1_000);
      const accessToken = await new SignJWT({
        id: user.id,
        username: user.username,
        openid: account.openid,
        sid: loginSessionId,
      })
        .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: TYPE, kid })
        .setIssuer(config.issuer)
        .setAudience(account.appId)
        .setSubject(String(user.id))
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + config.accessTtlSeconds)
        .sign(key);
      return { accessToken, expiresInSeconds: config.accessTtlSeconds };
    },
    verify: async (accessToken) => {
      if (accessToken.length > MAX_TOKEN_LENGTH) throw invalid();
      const claims = await verify(accessToken, config, keys, now);
      const userId = parseUserId(claims.sub);
      const isFuture = (claims.iat ?? 0) > now() / 1_000 + CLOCK_TOLERANCE_SECONDS;
      const { id, sid, aud, openid, exp } = claims;
      if (!userId || isFuture || id !== userId) throw invalid();
      if (typeof sid !== "string" || typeof aud !== "string" || typeof openid !== "string") {
        throw invalid();
      }
      const expiresAtMs = Number(exp) * 1_000;
      return { userId, loginSessionId: sid, appId: aud, openid, expiresAtMs };
    },
  };
}

async function verify(
  accessToken: string,
  { issuer }: TokenConfig,
  keys: KeyRing,
  now: () => number,
): Promise<JWTPayload> {
  try {
    const verified = await jwtVerify(
      accessToken,
      async ({ kid }) => {
        const key = typeof kid === "string" ? await keys.verificationKey(kid) : undefined;
        return key ?? Promise.reject(invalid());
      },
      {
        algorithms: [SIGNING_ALGORITHM],
        typ: TYPE,
        issuer,
        requiredClaims: ["aud", "sub", "iat", "exp", "jti", "sid", "openid"],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(now()),
      },
    );
    return verified.payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) {
      throw new IdentityError("TOKEN_EXPIRED", "the token has expired", { cause: error });
    }
    if (error instanceof IdentityError && error.reason === "STORAGE_UNAVAILABLE") throw error;
    throw invalid(error);
  }
}

function invalid(cause?: unknown): IdentityError {
  return new IdentityError("TOKEN_INVALID", "the token is not valid", { cause });
}
