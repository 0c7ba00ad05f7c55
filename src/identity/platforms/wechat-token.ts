import { setTimeout as sleep } from "node:timers/promises";
import { IdentityError } from "../errors.ts";
import type { SharedToken, SharedTokenCache } from "../store/shared-tokens.ts";
import type { WechatCredentials } from "./wechat.ts";

const FETCH_LIMIT_MS = 3_000;
/** Longer than a fetch may take, so that a holder that lives keeps its lease to the end. */
const LEASE_MS = 4_000;
const POLL_MS = 100;
const POLL_LIMIT_MS = 3_000;
const RENEW_AT = 0.8;
const RENEWAL_PAUSE_MS = 10_000;
const SAME_TOKEN_PAUSE_MS = 60_000;

/** WeChat's access tokens, one per mini program, shared by every process. */
export interface WechatTokens {
  get(app: WechatCredentials, signal: AbortSignal): Promise<string>;
  /**
   * The token after one that WeChat refused (40001, 42001). UPSTREAM_BUSY when WeChat hands out the
   * refused one again; then it is not asked for another 60 s.
   */
  renew(app: WechatCredentials, rejected: string, signal: AbortSignal): Promise<string>;
}

export interface WechatTokensDeps {
  /** Calls stable_token in normal mode. */
  fetchToken(
    app: WechatCredentials,
    signal: AbortSignal,
  ): Promise<{ token: string; expiresInSeconds: number }>;
  cache: SharedTokenCache;
  /** Told of a renewal in the background that failed, as no caller waits for it. */
  onError?(error: unknown): void;
  now?: () => number;
}

/** What this process knows of one mini program's token. */
interface Held {
  current?: SharedToken;
  /** The one question under way. */
  asking?: Promise<SharedToken> | undefined;
  healing?: Promise<SharedToken> | undefined;
  /** WeChat refused it: it counts only if WeChat itself hands it out again. */
  rejected?: { token: string; handedAgainAtMs?: number };
}

/** https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken.html */
export function createWechatTokens(deps: WechatTokensDeps): WechatTokens {
  const { cache, onError = () => {}, now = Date.now } = deps;
  const apps = new Map<string, Held>();
  const heldOf = (appId: string): Held => {
    const held = apps.get(appId) ?? {};
    apps.set(appId, held);
    return held;
  };

  /** Works for all callers, so that none of their signals ends it. */
  function ask(app: WechatCredentials, held: Held): Promise<SharedToken> {
    held.asking ??= obtain(deps, app, held)
      .then((value) => {
        held.current = value;
        return value;
      })
      .finally(() => {
        held.asking = undefined;
      });
    return held.asking;
  }

  async function heal(app: WechatCredentials, held: Held, rejected: string): Promise<SharedToken> {
    // A question from before the refusal may bring the refused token.
    await held.asking?.catch(() => {});
    const other = usable(held, now());
    if (other && other.token !== rejected) return other;
    held.rejected = { token: rejected };
    delete held.current;
    await cache.forget(app.appId, rejected);
    const next = await ask(app, held);
    if (next.token === rejected) held.rejected.handedAgainAtMs = now();
    return next;
  }

  return {
    async get(app, signal) {
      const held = heldOf(app.appId);
      const current = usable(held, now());
      if (!current) return (await within(signal, () => ask(app, held))).token;
      if (now() >= current.renewAtMs && !held.asking) {
        ask(app, held).catch((error: unknown) => {
          held.current = { ...current, renewAtMs: now() + RENEWAL_PAUSE_MS };
          onError(error);
        });
      }
      return current.token;
    },
    async renew(app, rejected, signal) {
      const held = heldOf(app.appId);
      const current = usable(held, now());
      if (current && current.token !== rejected) return current.token;
      if (held.rejected?.token === rejected && held.rejected.handedAgainAtMs !== undefined) {
        const pauseMs = held.rejected.handedAgainAtMs + SAME_TOKEN_PAUSE_MS - now();
        if (pauseMs > 0) throw sameToken(pauseMs);
      }
      const { token } = await within(signal, () => {
        held.healing ??= heal(app, held, rejected).finally(() => {
          held.healing = undefined;
        });
        return held.healing;
      });
      if (token === rejected) throw sameToken(SAME_TOKEN_PAUSE_MS);
      return token;
    },
  };
}

function usable({ current }: Held, nowMs: number): SharedToken | undefined {
  return current && nowMs < current.expiresAtMs ? current : undefined;
}

/** From the cache, or from WeChat under the lease. */
async function obtain(
  { fetchToken, cache, now = Date.now }: WechatTokensDeps,
  app: WechatCredentials,
  held: Held,
): Promise<SharedToken> {
  const renewing = usable(held, now()) !== undefined;
  const counts = (it: SharedToken) =>
    it.token !== held.rejected?.token && now() < (renewing ? it.renewAtMs : it.expiresAtMs);
  const fetchOne = async (): Promise<SharedToken> => {
    const { token, expiresInSeconds } = await bounded((signal) => fetchToken(app, signal));
    const lifeMs = expiresInSeconds * 1_000;
    return { token, expiresAtMs: now() + lifeMs, renewAtMs: now() + lifeMs * RENEW_AT };
  };
  const pollUntilMs = performance.now() + POLL_LIMIT_MS;
  for (;;) {
    const waits = performance.now() < pollUntilMs;
    const release = waits ? await cache.lease(app.appId, LEASE_MS) : async () => {};
    try {
      // After the lease, because the one who had it before may just have written.
      const shared = await cache.read(app.appId);
      if (shared && counts(shared)) return shared;
      if (release) {
        const fresh = await fetchOne();
        await cache.write(app.appId, fresh);
        return fresh;
      }
    } finally {
      await release?.();
    }
    await sleep(POLL_MS);
  }
}

/** Gives up after FETCH_LIMIT_MS, also when `work` does not heed its signal. */
async function bounded<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(FETCH_LIMIT_MS);
  try {
    return await within(signal, () => work(signal));
  } catch (error) {
    if (error !== signal.reason) throw error;
    const message = "WeChat does not answer";
    throw new IdentityError("UPSTREAM_BUSY", message, { retryAfterMs: 1_000, cause: error });
  }
}

/** Waits no longer than the signal allows; the work itself goes on. */
async function within<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const ended = Promise.withResolvers<never>();
  const abort = () => ended.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work(), ended.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function sameToken(retryAfterMs: number): IdentityError {
  const message = "WeChat hands out an access token that it refuses";
  return new IdentityError("UPSTREAM_BUSY", message, { retryAfterMs });
}
