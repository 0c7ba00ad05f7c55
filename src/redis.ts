import { once } from "node:events";
import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from "cockatiel";
import type { RedisConfig } from "./config.ts";
import { due, type Logger } from "./log.ts";
import { connectRedis, type RedisClient } from "./redis-client.ts";
import { withTimeout } from "./timeout.ts";
import { traced } from "./tracing.ts";

const FAILURES_TO_BREAK = 5;
const BREAK_MS = 1_000;
const LOG_INTERVAL_MS = 10_000;

const SPAN = { name: "Redis", kind: "client", attributes: { "db.system.name": "redis" } } as const;

/** A connection to Redis, whose every wait is bounded. */
export interface RedisConnection {
  redis: RedisClient;
  attempt: Attempt;
  isReady(): boolean;
  close(): void;
}

export interface RedisOptions {
  /** Told of failures, at most once in 10 s. */
  log: Logger;
  /** Told when Redis begins and ends to be left alone. */
  onBroken?: (isBroken: boolean) => void;
}

/** Waits for Redis for a moment only: a process starts without it, too. */
export async function openRedis(
  config: RedisConfig,
  { log, onBroken }: RedisOptions,
): Promise<RedisConnection> {
  const isDue = due(LOG_INTERVAL_MS);
  const onError = (err: Error) => {
    if (isDue()) log.warn({ event: "redis", err });
  };
  const redis = connectRedis(config);
  redis.on("error", onError);
  // Of one in a cluster.
  redis.on("node error", onError);
  const signal = AbortSignal.timeout(config.connectTimeoutMs);
  await once(redis, "ready", { signal }).catch(() => {});
  return {
    redis,
    attempt: tolerantly(onError, config.commandTimeoutMs, onBroken),
    isReady: () => redis.status === "ready",
    close: () => redis.disconnect(),
  };
}

/** Runs what Redis is asked for; where it fails, the fallback serves. */
export type Attempt = <T>(work: () => Promise<T>, fallback: T) => Promise<T>;

/**
 * Nothing needs Redis: it has `timeoutMs`, a failure is told, and the fallback serves. After five
 * failures in a row Redis is left alone for a second, then tried by one. A value of it that does not
 * open is no failure of its own. `onBroken` is told when that begins and ends.
 */
export function tolerantly(
  onError: (error: Error) => void,
  timeoutMs: number,
  onBroken: (isBroken: boolean) => void = () => {},
): Attempt {
  const toError = () => new Error("Redis took too long");
  const breaker = circuitBreaker(
    handleWhen((error) => (error as Error).name !== "UnsealError"),
    { halfOpenAfter: BREAK_MS, breaker: new ConsecutiveBreaker(FAILURES_TO_BREAK) },
  );
  breaker.onStateChange((state) => onBroken(state !== CircuitState.Closed));
  return async (work, fallback) => {
    // While one tries, the others do not wait for it.
    if (breaker.state === CircuitState.HalfOpen) return fallback;
    try {
      return await breaker.execute(() =>
        traced(SPAN, () => withTimeout(work(), timeoutMs, toError)),
      );
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) onError(error as Error);
      return fallback;
    }
  };
}
