import { createHash, createHmac, randomBytes, randomUUID } from "node:crypto";

const ID_BYTES = 16;
const FAMILY_BYTES = 16;
const SECRET_BYTES = 32;
const TOKEN_BYTES = ID_BYTES + FAMILY_BYTES + SECRET_BYTES;

/**
 * A refresh token: opaque to its holder. It names its login, and holds a secret that all tokens of
 * the login share and one of its own (256 bits); only hashes of the two are stored.
 */
export interface RefreshToken {
  text: string;
  loginSessionId: string;
  familyHash: string;
  tokenHash: string;
}

/** Refresh tokens of logins, and what follows on each. */
export interface RefreshTokens {
  /** The first one of a new login. */
  first(): RefreshToken;
  /** Undefined for what cannot be one of ours. */
  parse(text: string): RefreshToken | undefined;
  /**
   * The one after this. Random; under an idempotency key always the same one, so that a retry gets
   * it again although nobody has kept it.
   */
  after(token: RefreshToken, idempotencyKey: string | undefined): RefreshToken;
}

/** `key` makes successors under an idempotency key: without it they cannot be guessed. */
export function createRefreshTokens(key: Buffer): RefreshTokens {
  return {
    first: () => {
      const id = Buffer.from(randomUUID().replaceAll("-", ""), "hex");
      return toToken(Buffer.concat([id, randomBytes(FAMILY_BYTES + SECRET_BYTES)]));
    },
    parse: (text) => {
      const isOurs =
        /^[A-Za-z0-9_-]+$/.test(text) && text.length === Math.ceil((TOKEN_BYTES * 4) / 3);
      return isOurs ? toToken(Buffer.from(text, "base64url")) : undefined;
    },
    after: ({ text }, idempotencyKey) => {
      const bytes = Buffer.from(text, "base64url");
      const secret =
        idempotencyKey === undefined
          ? randomBytes(SECRET_BYTES)
          : createHmac("sha256", key).update(bytes).update(idempotencyKey).digest();
      return toToken(Buffer.concat([bytes.subarray(0, -SECRET_BYTES), secret]));
    },
  };
}

function toToken(bytes: Buffer): RefreshToken {
  const id = bytes.toString("hex", 0, ID_BYTES);
  const hash = (from: number, to: number) =>
    createHash("sha256").update(bytes.subarray(from, to)).digest("base64url");
  return {
    text: bytes.toString("base64url"),
    loginSessionId: id.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    familyHash: hash(0, ID_BYTES + FAMILY_BYTES),
    tokenHash: hash(0, TOKEN_BYTES),
  };
}
