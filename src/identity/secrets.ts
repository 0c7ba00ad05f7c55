import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import type { MasterKey } from "../config.ts";

/** Encrypts what is at rest: AES-256-GCM under MASTER_KEYS. */
export interface Secrets {
  /** Of every master key. */
  readonly kids: readonly string[];
  /** Of the one that encrypts. */
  readonly sealingKid: string;
  /** `place` is where the value is kept; a value moved to another place does not open. */
  seal(plain: string, place: string): string;
  /** Throws UnsealError when the value was damaged, moved, or sealed under a key that is gone. */
  open(sealed: string, place: string): string;
}

/** A value that does not open. */
export class UnsealError extends Error {
  override readonly name = "UnsealError";
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function createSecrets(masterKeys: readonly MasterKey[]): Secrets {
  // A KeyObject is set up once; bytes are again at each use, which takes three times as long.
  const keys = new Map(masterKeys.map(({ kid, key }) => [kid, createSecretKey(key)]));
  const [first] = keys;
  if (!first) throw new Error("no master key");
  const [sealingKid, sealingKey] = first;
  return {
    kids: [...keys.keys()],
    sealingKid,
    seal(plain, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", sealingKey, nonce);
      cipher.setAAD(Buffer.from(place));
      const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return `${sealingKid}.${Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64url")}`;
    },
    open(sealed, place) {
      const dot = sealed.indexOf(".");
      const key = keys.get(sealed.slice(0, dot));
      if (!key) throw new UnsealError("sealed under a master key that is not configured");
      const bytes = Buffer.from(sealed.slice(dot + 1), "base64url");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const body = bytes.subarray(NONCE_BYTES, -TAG_BYTES);
      try {
        return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
      } catch (cause) {
        throw new UnsealError("damaged, or sealed for another place", { cause });
      }
    },
  };
}
