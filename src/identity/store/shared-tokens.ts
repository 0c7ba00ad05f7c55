import { randomUUID } from "node:crypto";
import type { RedisConnection } from "../../redis.ts";
import type { Secrets } from "../secrets.ts";

export interface SharedToken {
  token: string;
  expiresAtMs: number;
  /** From here on the token still serves, but somebody should ask for the next one. */
  renewAtMs: number;
}

/** What the processes share. None of it is needed: without it each process asks for itself. */
export interface SharedTokenCache {
  /** Undefined when there is none, none that opens, or when the cache is away. */
  read(appId: string): Promise<SharedToken | undefined>;
  /** Does nothing when the cache is away. */
  write(appId: string, value: SharedToken): Promise<void>;
  /** Removes the value if it still holds this token; does nothing when the cache is away. */
  forget(appId: string, token: string): Promise<void>;
  /**
   * The right to ask WeChat, for `holdMs` at most, and how to give it back; undefined while another
   * has it. With the cache away everybody gets it: nobody waits for a lease that is nowhere.
   */
  lease(appId: string, holdMs: number): Promise<(() => Promise<void>) | undefined>;
}

const DELETE_IF_EQUAL = `
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0`;

/** The tokens in Redis, encrypted, on a connection whose waits are bounded. */
export function openSharedTokens(
  { redis, attempt }: Pick<RedisConnection, "redis" | "attempt">,
  secrets: Secrets,
  now: () => number = Date.now,
): SharedTokenCache {
  const deleteIfEqual = (key: string, value: string) =>
    attempt(async () => {
      await redis.eval(DELETE_IF_EQUAL, 1, key, value);
    }, undefined);
  return {
    read: (appId) =>
      attempt(async () => {
        const key = tokenKey(appId);
        const sealed = await redis.get(key);
        return sealed === null ? undefined : JSON.parse(secrets.open(sealed, key));
      }, undefined),
    write: (appId, value) =>
      attempt(async () => {
        const key = tokenKey(appId);
        const lifeMs = Math.floor(value.expiresAtMs - now());
        if (lifeMs <= 0) return;
        await redis.set(key, secrets.seal(JSON.stringify(value), key), "PX", lifeMs);
      }, undefined),
    forget: (appId, token) =>
      attempt(async () => {
        const key = tokenKey(appId);
        const sealed = await redis.get(key);
        if (sealed === null) return;
        const value: SharedToken = JSON.parse(secrets.open(sealed, key));
        // No two sealed values are alike, so this one is compared and not the token in it.
        if (value.token === token) await deleteIfEqual(key, sealed);
      }, undefined),
    lease: (appId, holdMs) => {
      const key = `identity:wechat_token_lease:${appId}`;
      const owner = randomUUID();
      const release = () => deleteIfEqual(key, owner);
      return attempt(
        async () => {
          const answer = await redis.set(key, owner, "PX", holdMs, "NX");
          return answer === "OK" ? release : undefined;
        },
        async () => {},
      );
    },
  };
}

function tokenKey(appId: string): string {
  return `identity:wechat_token:${appId}`;
}
