import type { Context } from "hono";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import type { RateLimitConfig } from "../config-gateway.ts";
import { createExpiringMap } from "../expiring-map.ts";
import type { Attempt, RedisConnection } from "../redis.ts";
import type { GatewayEnv } from "./env.ts";
import { GatewayError } from "./errors.ts";

/** Clients counted by a gateway itself at one time, while Redis is away. */
const MAX_LOCAL_CLIENTS = 100_000;

/** Counts a request of this client; rejects with RATE_LIMITED when it is one too many. */
export type RateLimit = (c: Context<GatewayEnv>, client: string) => Promise<void>;

export interface RateLimitDeps {
  /** Undefined where each gateway counts for itself. */
  redis: RedisConnection | undefined;
  attempt: Attempt;
}

/**
 * So many requests of a client in each window, counted in Redis for all gateways together, and by
 * each for itself while Redis is away. Tells the client where it stands
 * (draft-ietf-httpapi-ratelimit-headers-10).
 */
export function createRateLimit(
  name: string,
  { count, windowSeconds }: RateLimitConfig,
  { redis, attempt }: RateLimitDeps,
): RateLimit {
  const bounds = { points: count, duration: windowSeconds };
  const keyPrefix = `identity:rate_limit:${name}`;
  const shared = redis && new RateLimiterRedis({ storeClient: redis.redis, keyPrefix, ...bounds });
  const local = createLocalCounter(windowSeconds * 1_000);
  const consume = async (client: string): Promise<Count> => {
    const counted =
      shared && (await attempt<Count | undefined>(() => take(shared, client), undefined));
    return counted ?? local(client);
  };
  return async (c, client) => {
    const { taken, msLeft } = await consume(client);
    const seconds = Math.max(Math.ceil(msLeft / 1_000), 1);
    c.header("ratelimit-policy", `"${name}";q=${count};w=${windowSeconds}`);
    c.header("ratelimit", `"${name}";r=${Math.max(count - taken, 0)};t=${seconds}`);
    if (taken > count) throw new GatewayError("RATE_LIMITED", { retryAfterSeconds: seconds });
  };
}

/** What a client has taken of its window, this request included. */
interface Count {
  taken: number;
  /** Until the window ends. */
  msLeft: number;
}

async function take(limiter: RateLimiterRedis, client: string): Promise<Count> {
  const result = await limiter.consume(client).catch((refused) => {
    if (refused instanceof RateLimiterRes) return refused;
    throw refused;
  });
  return { taken: result.consumedPoints, msLeft: result.msBeforeNext };
}

function createLocalCounter(windowMs: number): (client: string) => Count {
  const windows = createExpiringMap<{ taken: number; endsAtMs: number }>({
    ttlMs: windowMs,
    maxSize: MAX_LOCAL_CLIENTS,
    now: Date.now,
  });
  return (client) => {
    let window = windows.get(client);
    if (!window) {
      window = { taken: 0, endsAtMs: Date.now() + windowMs };
      windows.set(client, window);
    }
    window.taken++;
    return { taken: window.taken, msLeft: window.endsAtMs - Date.now() };
  };
}
