import type { RateCounter } from "../../rate-counter.ts";
import { IdentityError } from "../errors.ts";

const MINUTE_MS = 60_000;
const PROBE_INTERVAL_MS = 1_000;

/** Whose quota it is, and how much of it is for us. */
export interface QuotaOwner {
  appId: string;
  loginsPerMinute?: number | undefined;
}

/** Makes a mini program's call, or rejects with UPSTREAM_QUOTA or RATE_LIMITED without making it. */
export type WithinQuota = <T>(owner: QuotaOwner, call: () => Promise<T>) => Promise<T>;

/**
 * A mini program with `loginsPerMinute` makes no more calls than that, counted by `counter`. When WeChat says that a mini program's quota is used up (45011), its calls are refused here until
 * the next minute, but for one a second: the first that succeeds opens the way again.
 */
export function createWithinQuota(counter: RateCounter, now: () => number): WithinQuota {
  const spent = new Map<string, { endsAtMs: number; probeAtMs: number }>();
  return async ({ appId, loginsPerMinute }, call) => {
    if (loginsPerMinute !== undefined) {
      const { taken, msLeft } = await counter(appId);
      if (taken > loginsPerMinute) throw limited(msLeft);
    }
    const nowMs = now();
    const state = spent.get(appId);
    if (state && nowMs < state.endsAtMs) {
      if (nowMs < state.probeAtMs) throw usedUp(state.endsAtMs - nowMs);
      state.probeAtMs = nowMs + PROBE_INTERVAL_MS;
    }
    try {
      const result = await call();
      spent.delete(appId);
      return result;
    } catch (error) {
      if ((error as IdentityError).reason === "UPSTREAM_QUOTA") {
        const endsAtMs = (Math.floor(now() / MINUTE_MS) + 1) * MINUTE_MS;
        spent.set(appId, { endsAtMs, probeAtMs: now() + PROBE_INTERVAL_MS });
      }
      throw error;
    }
  };
}

function limited(retryAfterMs: number): IdentityError {
  const message = "too many logins of this mini program";
  return new IdentityError("RATE_LIMITED", message, {
    retryAfterMs: Math.max(retryAfterMs, 1_000),
  });
}

function usedUp(retryAfterMs: number): IdentityError {
  return new IdentityError("UPSTREAM_QUOTA", "WeChat's quota is used up", { retryAfterMs });
}
