import type { RedisConnection } from "../../redis.ts";
import type { AppId, Openid } from "../ids.ts";
import type { Secrets } from "../secrets.ts";

/** Whose session_key it is. */
export interface KeyOwner {
  appId: AppId;
  openid: Openid;
}

/** WeChat's session_keys in Redis, encrypted. A cache: Redis may lose them at any moment. */
export interface SessionKeyStore {
  /**
   * Keeps it, unless the kept one is of an exchange that began later: WeChat knows only the latest.
   * False when Redis is away; a login does not fail for that.
   */
  keep(account: KeyOwner, sessionKey: string, exchangedAtMs: number): Promise<boolean>;
  /** Puts another in the place of this one, to end when it would have; false when it is gone. */
  replace(account: KeyOwner, old: string, fresh: string): Promise<boolean>;
  /** Takes it away; when Redis is away it ends by itself. */
  forget(account: KeyOwner): Promise<void>;
  /** Undefined when there is none (any more), or none that opens. */
  find(account: KeyOwner): Promise<string | undefined>;
}

export interface SessionKeyStoreDeps {
  secrets: Secrets;
  ttlSeconds: number;
}

/** A value begins with the milliseconds at which its exchange began. */
const SET_UNLESS_NEWER = `
local kept = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):'))
if kept and kept > tonumber(string.match(ARGV[1], '^(%d+):')) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1`;

const REPLACE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`;

export function createSessionKeyStore(
  { redis, attempt }: RedisConnection,
  { secrets, ttlSeconds }: SessionKeyStoreDeps,
): SessionKeyStore {
  const read = async (key: string) => {
    const value = await redis.get(key);
    const [exchangedAtMs, sealed] = value?.split(":") ?? [];
    return value && sealed
      ? { value, exchangedAtMs, sessionKey: secrets.open(sealed, key) }
      : undefined;
  };
  return {
    keep: (account, sessionKey, exchangedAtMs) => {
      const key = keyOf(account);
      return attempt(async () => {
        const value = `${exchangedAtMs}:${secrets.seal(sessionKey, key)}`;
        await redis.eval(SET_UNLESS_NEWER, 1, key, value, ttlSeconds);
        return true;
      }, false);
    },
    replace: (account, old, fresh) => {
      const key = keyOf(account);
      return attempt(async () => {
        const kept = await read(key);
        if (kept?.sessionKey !== old) return false;
        const value = `${kept.exchangedAtMs}:${secrets.seal(fresh, key)}`;
        return (await redis.eval(REPLACE, 1, key, kept.value, value)) === 1;
      }, false);
    },
    forget: (account) =>
      attempt(async () => {
        await redis.del(keyOf(account));
      }, undefined),
    find: (account) => {
      const key = keyOf(account);
      return attempt(async () => (await read(key))?.sessionKey, undefined);
    },
  };
}

function keyOf({ appId, openid }: KeyOwner): string {
  return `identity:session_key:${appId}:${openid}`;
}
