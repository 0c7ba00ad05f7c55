import { createIdempotencyKey } from "./idempotency-key";
import type { Platform } from "./platform";

/** What keeps one logged in. */
export interface Tokens {
  token: string;
  refreshToken: string;
  /** In milliseconds since 1970, by this device's clock: a hint. The service has the last word. */
  expiresAt: number;
  /**
   * The `Idempotency-Key` of this refresh token. Kept with it, so that a refresh whose answer got lost
   * is the same one after a restart, or in another tab of the browser.
   */
  refreshKey: string;
}

/** The tokens of a login or a refresh, as the service answers them. */
export interface TokenReply {
  token: string;
  /** Seconds. */
  expiresIn: number;
  refreshToken: string;
}

/** Tokens are renewed this much before their end, which the service's clock decides. */
const EXPIRY_MARGIN_MS = 30_000;
/** But never before this part of their time is over. */
const EXPIRY_MARGIN_PART = 0.1;
const PRINTABLE = /^[\x21-\x7e]{1,4096}$/;
const KEY = /^[A-Za-z0-9_-]{16,64}$/;
/** In the tokens' place after a logout. */
const LOGGED_OUT = "logged out";

/** Where the tokens lie. */
export interface TokenStore {
  /** The tokens, unless there are none or something else lies in their place. */
  read(): Tokens | undefined;
  write(tokens: Tokens): void;
  /** Forgets the tokens. */
  clear(): void;
  /** Forgets the tokens, and remembers over a restart that this was the person's wish. */
  markLoggedOut(): void;
  readonly loggedOut: boolean;
}

/** The tokens in the storage of the phone; for as long as the app runs when that refuses them. */
export function createTokenStore(platform: Platform, key: string): TokenStore {
  let unwritten: { value: unknown } | undefined;

  function read(): unknown {
    if (unwritten) return unwritten.value;
    try {
      return platform.readItem(key);
    } catch {
      return undefined;
    }
  }

  function write(value: unknown): void {
    try {
      if (value === undefined) platform.removeItem(key);
      else platform.writeItem(key, value);
      unwritten = undefined;
    } catch {
      unwritten = { value };
    }
  }

  return {
    read: () => toTokens(read()),
    write,
    clear: () => write(undefined),
    markLoggedOut: () => write(LOGGED_OUT),
    get loggedOut() {
      return read() === LOGGED_OUT;
    },
  };
}

/** What to keep of an answer of the service; undefined when it is none. */
export function fromReply(reply: unknown): Tokens | undefined {
  const { token, refreshToken, expiresIn } = (reply ?? {}) as Partial<TokenReply>;
  const lifeMs = Number(expiresIn) * 1_000;
  const marginMs = Math.min(EXPIRY_MARGIN_MS, lifeMs * EXPIRY_MARGIN_PART);
  const expiresAt = Date.now() + lifeMs - marginMs;
  return toTokens({ token, refreshToken, expiresAt, refreshKey: createIdempotencyKey() });
}

function toTokens(value: unknown): Tokens | undefined {
  const { token, refreshToken, expiresAt, refreshKey } = (value ?? {}) as Partial<Tokens>;
  if (!matches(PRINTABLE, token) || !matches(PRINTABLE, refreshToken)) return undefined;
  if (!matches(KEY, refreshKey) || !Number.isFinite(expiresAt)) return undefined;
  return { token, refreshToken, expiresAt: expiresAt as number, refreshKey };
}

function matches(pattern: RegExp, value: unknown): value is string {
  return typeof value === "string" && pattern.test(value);
}
