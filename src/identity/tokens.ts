import { type KeyObject, randomUUID, sign } from "node:crypto";
import {
  AccessTokenError,
  SIGNING_ALGORITHM,
  TOKEN_TYPE,
  verifyAccessToken,
} from "../access-token.ts";
import type { TokenConfig } from "../config.ts";
import { IdentityError } from "./errors.ts";
import { isLoginSessionId, type UserId } from "./ids.ts";
import type { KeyRing } from "./keys.ts";
import type { Account } from "./store/logins.ts";
import type { User } from "./store/users.ts";

export interface IssuedToken {
  accessToken: string;
  expiresInSeconds: number;
}

/** What an access token is issued for. */
export interface TokenInput {
  user: User;
  account: Pick<Account, "appId" | "openid">;
  loginSessionId: string;
  /** Of the login, which the token does not outlive. */
  remainingSeconds: number;
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
  issue(input: TokenInput): IssuedToken;
  /** Rejects with TOKEN_EXPIRED or TOKEN_INVALID. */
  verify(accessToken: string): Promise<Subject>;
}

export function createTokens(
  config: TokenConfig,
  keys: KeyRing,
  now: () => number = Date.now,
): Tokens {
  const rules = { issuer: config.issuer, findKey: keys.verificationKey, now };
  return {
    issue: ({ user, account, loginSessionId, remainingSeconds }) => {
      const expiresInSeconds = Math.min(config.accessTtlSeconds, remainingSeconds);
      const { kid, key } = keys.signingKey();
      const iat = Math.floor(now() / 1_000);
      const header = { alg: SIGNING_ALGORITHM, typ: TOKEN_TYPE, kid };
      const claims = {
        id: user.id,
        username: user.username,
        openid: account.openid,
        sid: loginSessionId,
        iss: config.issuer,
        aud: account.appId,
        sub: String(user.id),
        jti: randomUUID(),
        iat,
        exp: iat + expiresInSeconds,
      };
      return { accessToken: toJws(header, claims, key), expiresInSeconds };
    },
    verify: async (accessToken) => {
      try {
        const { userId, ...claims } = await verifyAccessToken(accessToken, rules);
        const { loginSessionId, appId, openid, expiresAtMs } = claims;
        if (!isLoginSessionId(loginSessionId)) throw new AccessTokenError("TOKEN_INVALID");
        return { userId: userId as UserId, loginSessionId, appId, openid, expiresAtMs };
      } catch (error) {
        if (!(error instanceof AccessTokenError)) throw error;
        throw new IdentityError(error.reason, error.message, { cause: error.cause });
      }
    },
  };
}

/**
 * RFC 7515, section 5.1. Not with jose, which signs on a thread of its own: the way there and back costs as
 * much CPU as the signature (bench/NOTES.md).
 */
function toJws(header: object, claims: object, key: KeyObject): string {
  const [protectedHeader, payload] = [header, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  const signed = `${protectedHeader}.${payload}`;
  const signature = toJwsSignature(sign("sha256", Buffer.from(signed), key));
  return `${signed}.${signature.toString("base64url")}`;
}

/**
 * From r and s in DER (RFC 3279, section 2.2.3) to r and s in 32 bytes each (RFC 7518, section 3.4). Node can
 * do it, too: that takes more than half as long again as signing.
 */
function toJwsSignature(der: Buffer): Buffer {
  const sStart = 6 + der.readUInt8(3);
  // A number whose first bit is set has a zero before it; a small one is shorter.
  const r = der.subarray(4, sStart - 2).subarray(-32);
  const s = der.subarray(sStart).subarray(-32);
  const signature = Buffer.alloc(64);
  r.copy(signature, 32 - r.length);
  s.copy(signature, 64 - s.length);
  return signature;
}
