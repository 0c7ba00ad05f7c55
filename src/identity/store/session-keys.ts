import { once } from "node:events";
import { Redis } from "ioredis";
import type { RedisConfig } from "../../config.ts";
import type { AppId, Openid } from "../ids.ts";
import type { Secrets } from "../secrets.ts";

/** WeChat's session_keys in Redis, encrypted. A cache: Redis may lose them at any moment. */
export interface SessionKeyStore {
  /** False when it could not be kept; a login does not fail for that. */
  keep(appId: AppId, openid: Openid, sessionKey: string): Promise<boolean>;
  /** Undefined when there is none (any more), or none that opens. */
  find(appId: AppId, openid: Openid): Promise<string | undefined>;
  isReady(): boolean;
  close(): Promise<void>;
}

export interface SessionKeyStoreDeps {
  secrets: Secrets;
  ttlSeconds: number;
  onError(error: Error): void;
}

/** Waits for Redis for a moment only: the service starts without it, too. */
export async function openSessionKeyStore(
  config: RedisConfig,
  { secrets, ttlSeconds, onError }: SessionKeyStoreDeps,
): Promise<SessionKeyStore> {
  const redis = connectRedis(config);
  redis.on("error", onError);
  await once(redis, "ready", { signal: AbortSignal.timeout(config.connectTimeoutMs) }).catch(
    () => {},
  );
  return {
    keep: async (appId, openid, sessionKey) => {
      const key = keyOf(appId, openid);
      try {
        await redis.set(key, secrets.seal(sessionKey, key), "EX", ttlSeconds);
        return true;
      } catch (error) {
        onError(error as Error);
        return false;
      }
    },
    find: async (appId, openid) => {
      const key = keyOf(appId, openid);
      try {
        const sealed = await redis.get(key);
        return sealed === null ? undefined : secrets.open(sealed, key);
      } catch (error) {
        onError(error as Error);
        return undefined;
      }
    },
    isReady: () => redis.status === "ready",
    close: async () => {
      redis.disconnect();
    },
  };
}

/** ioredis with every wait bounded: a dead or stalled server costs `commandTimeoutMs` at most. */
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

function keyOf(appId: AppId, openid: Openid): string {
  return `identity:session_key:${appId}:${openid}`;
}
