import { randomBytes } from "node:crypto";
import { Quota } from "./wechat-quota.ts";

const TTL_MS = 7_200_000;
/** So long before the end of a token its successor is given out. */
const RENEWAL_MS = 5 * 60_000;
const MAX_TOKENS = 10_000;
const MINUTE_MS = 60_000;

interface AccessToken {
  value: string;
  appId: string;
  expiresAtMs: number;
}

/** The access tokens of all mini programs, as `cgi-bin/stable_token` keeps them. */
export class AccessTokens {
  readonly #tokens = new Map<string, AccessToken>();
  readonly #present = new Map<string, AccessToken>();
  readonly #now: () => number;
  readonly #calls: Quota;
  readonly #spacing: Quota;
  readonly #forced: Quota;

  constructor(now: () => number) {
    this.#now = now;
    this.#calls = new Quota(10_000, MINUTE_MS, now);
    this.#spacing = new Quota(1, 30_000, now);
    this.#forced = new Quota(20, 24 * 60 * MINUTE_MS, now);
  }

  /** Takes one call off the quota of a minute. */
  takeCall(appId: string): boolean {
    return this.#calls.take(appId);
  }

  /** The present token; a new one near its end, or by force where the quotas allow it. */
  issue(appId: string, force: boolean): { access_token: string; expires_in: number } {
    if (force && this.#spacing.take(appId) && this.#forced.take(appId)) this.revoke(appId);
    const present = this.#present.get(appId);
    const good = present && present.expiresAtMs - this.#now() > RENEWAL_MS;
    const { value, expiresAtMs } = good ? present : this.#create(appId);
    return {
      access_token: value,
      expires_in: Math.floor((expiresAtMs - this.#now()) / 1000),
    };
  }

  /** Ends every token of a mini program that is still good. */
  revoke(appId: string): void {
    this.#present.delete(appId);
    for (const token of this.#tokens.values()) {
      const ended = token.expiresAtMs <= this.#now();
      if (token.appId === appId && !ended) this.#tokens.delete(token.value);
    }
  }

  /** The appid a token is good for, or the errcode that refuses it. */
  find(value: string | null): string | 40001 | 41001 | 42001 {
    if (!value) return 41001;
    const token = this.#tokens.get(value);
    if (!token) return 40001;
    return token.expiresAtMs > this.#now() ? token.appId : 42001;
  }

  #create(appId: string): AccessToken {
    const value = `80_${randomBytes(96).toString("base64url")}`;
    const token = { value, appId, expiresAtMs: this.#now() + TTL_MS };
    this.#tokens.set(value, token);
    this.#present.set(appId, token);
    for (const old of this.#tokens.keys()) {
      if (this.#tokens.size <= MAX_TOKENS) break;
      this.#tokens.delete(old);
    }
    return token;
  }
}
