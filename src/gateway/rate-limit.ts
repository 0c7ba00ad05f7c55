import type { Context } from "hono";
import type { RateLimitConfig } from "../config-gateway.ts";
import { createRateCounter } from "../rate-counter.ts";
import type { RedisConnection } from "../redis.ts";
import type { GatewayEnv } from "./env.ts";
import { GatewayError } from "./errors.ts";

/** Counts a request of this client; rejects with RATE_LIMITED when it is one too many. */
export type RateLimit = (c: Context<GatewayEnv>, client: string) => Promise<void>;

/**
 * So many requests of a client in each window. Tells the client where it stands
 * (draft-ietf-httpapi-ratelimit-headers-10).
 */
export function createRateLimit(
  name: string,
  { count, windowSeconds }: RateLimitConfig,
  redis: RedisConnection | undefined,
): RateLimit {
  const counter = createRateCounter({ name, windowSeconds }, redis);
  return async (c, client) => {
    const { taken, msLeft } = await counter(client);
    const seconds = Math.max(Math.ceil(msLeft / 1_000), 1);
    c.header("ratelimit-policy", `"${name}";q=${count};w=${windowSeconds}`);
    c.header("ratelimit", `"${name}";r=${Math.max(count - taken, 0)};t=${seconds}`);
    if (taken > count) throw new GatewayError("RATE_LIMITED", { retryAfterSeconds: seconds });
  };
}
