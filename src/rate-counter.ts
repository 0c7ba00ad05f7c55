import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { createExpiringMap } from "./expiring-map.ts";
import type { RedisConnection } from "./redis.ts";

/** Keys counted by a process itself at one time, while Redis is away. */
const MAX_LOCAL_KEYS = 100_000;

/** What a key has taken of its window, this time included. */
export interface Count {
  taken: number;
  /** Until the window ends. */
  msLeft: number;
}

export interface RateCounterConfig {
  /** Names the counter among others in Redis. */
  name: string;
  windowSeconds: number;
}

/**
 * Counts by key in windows of time: in Redis for all processes together, and by each for itself while
 * it is away.
 */
export type RateCounter = (key: string) => Promise<Count>;

/** Without `connection` each process counts for itself. */
export function createRateCounter(
  { name, windowSeconds }: RateCounterConfig,
  connection: RedisConnection | undefined,
): RateCounter {
  const shared =
    connection &&
    new RateLimiterRedis({
      storeClient: connection.redis,
      keyPrefix: `identity:rate_limit:${name}`,
      // Whoever asks decides how many are too many.
      points: Number.MAX_SAFE_INTEGER,
      duration: windowSeconds,
    });
  const local = createLocalCounter(windowSeconds * 1_000);
  return async (key) => {
    const counted =
      shared && (await connection.attempt<Count | undefined>(() => take(shared, key), undefined));
    return counted ?? local(key);
  };
}

async function take(limiter: RateLimiterRedis, key: string): Promise<Count> {
  const { consumedPoints, msBeforeNext } = await limiter.consume(key).catch((refused) => {
    if (refused instanceof RateLimiterRes) return refused;
    throw refused;
  });
  return { taken: consumedPoints, msLeft: msBeforeNext };
}

function createLocalCounter(windowMs: number): (key: string) => Count {
  const windows = createExpiringMap<{ taken: number; endsAtMs: number }>({
    ttlMs: windowMs,
    maxSize: MAX_LOCAL_KEYS,
    now: Date.now,
  });
  return (key) => {
    let window = windows.get(key);
    if (!window) {
      window = { taken: 0, endsAtMs: Date.now() + windowMs };
      windows.set(key, window);
    }
    window.taken++;
    return { taken: window.taken, msLeft: window.endsAtMs - Date.now() };
  };
}
