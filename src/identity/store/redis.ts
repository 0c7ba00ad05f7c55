import { once } from "node:events";
import { Redis } from "ioredis";
import type { RedisConfig } from "../../config.ts";

/** One connection to Redis, whose every wait is bounded. */
export interface RedisConnection {
  redis: Redis;
  isReady(): boolean;
  close(): void;
}

/** Waits for Redis for a moment only: the service starts without it, too. */
export async function openRedis(
  config: RedisConfig,
  onError: (error: Error) => void,
): Promise<RedisConnection> {
  const redis = connectRedis(config);
  redis.on("error", onError);
  const signal = AbortSignal.timeout(config.connectTimeoutMs);
  await once(redis, "ready", { signal }).catch(() => {});
  return {
    redis,
    isReady: () => redis.status === "ready",
    close: () => redis.disconnect(),
  };
}

/** Runs what Redis is not needed for: a failure is told, and the fallback serves. */
export function tolerantly(onError: (error: Error) => void) {
  return async <T>(work: () => Promise<T>, fallback: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      onError(error as Error);
      return fallback;
    }
  };
}

/** A dead or stalled server costs `commandTimeoutMs` at most. */
function connectRedis({ url, connectTimeoutMs, commandTimeoutMs }: RedisConfig): Redis {
  return new Redis(url, {
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // Without an answer for so long the connection is dead: open a new one.
    socketTimeout: 1_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
}
