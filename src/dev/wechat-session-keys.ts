import { createHmac, randomBytes } from "node:crypto";

const MAX_KEYS = 1_000_000;

/** The one valid session_key of each person in each mini program. */
export class SessionKeys {
  readonly #keys = new Map<string, string>();

  /** The present one, made where there is none yet. */
  of(appId: string, openid: string): string {
    return this.find(appId, openid) ?? this.replace(appId, openid);
  }

  find(appId: string, openid: string): string | undefined {
    return this.#keys.get(`${appId} ${openid}`);
  }

  /** A new one; the present one is stale from now on. */
  replace(appId: string, openid: string): string {
    const sessionKey = randomBytes(16).toString("base64");
    this.#keys.delete(`${appId} ${openid}`);
    this.#keys.set(`${appId} ${openid}`, sessionKey);
    for (const old of this.#keys.keys()) {
      if (this.#keys.size <= MAX_KEYS) break;
      this.#keys.delete(old);
    }
    return sessionKey;
  }
}

/** As checksession wants it: the key is session_key as text, the message is empty. */
export function signEmpty(sessionKey: string): string {
  return createHmac("sha256", sessionKey).update("").digest("hex");
}
