import { IdentityError } from "../errors.ts";

const MINUTE_MS = 60_000;
const PROBE_INTERVAL_MS = 1_000;

/** Makes a mini program's call, or rejects with UPSTREAM_QUOTA without making it. */
export type WithinQuota = <T>(appId: string, call: () => Promise<T>) => Promise<T>;

/**
 * When WeChat says that a mini program's quota is used up (45011), its calls are refused here until
 * the next minute, but for one a second: the first that succeeds opens the way again.
 */
export function createWithinQuota(now: () => number): WithinQuota {
  const spent = new Map<string, { endsAtMs: number; probeAtMs: number }>();
  return async (appId, call) => {
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

function usedUp(retryAfterMs: number): IdentityError {
  return new IdentityError("UPSTREAM_QUOTA", "WeChat's quota is used up", { retryAfterMs });
}
