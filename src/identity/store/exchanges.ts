import { createHash, randomUUID } from "node:crypto";
import type { RedisConnection } from "../../redis.ts";
import type { AppId, LoginCode } from "../ids.ts";
import type { Secrets } from "../secrets.ts";

/** For how long a login may be asked for again. */
const KEEP_MS = 60_000;

/** A login code, and the key under which its login may be asked for again. */
export interface ExchangeOf {
  appId: AppId;
  code: LoginCode;
  idempotencyKey: string;
}

/** Whose turn it is to ask WeChat. */
export type Claim =
  /** Ours: `keep` what came of it, or `release` it for somebody else. */
  | { state: "ours"; keep(value: object): Promise<void>; release(): Promise<void> }
  /** Somebody else's, still asking. */
  | { state: "pending" }
  /** It came of an earlier call under the same key. */
  | { state: "kept"; value: unknown }
  /** The code was used under another key. */
  | { state: "other key" };

/** What came of login codes, encrypted, for a minute. Without Redis every claim is ours. */
export interface ExchangeStore {
  claim(of: ExchangeOf, holdMs: number): Promise<Claim>;
}

/** A value is `<hash of the key>:<owner>` while somebody asks, then `<hash of the key>=<sealed>`. */
const CLAIM = `
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`;

const REPLACE_OWN = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

export function createExchangeStore(
  { redis, attempt }: RedisConnection,
  secrets: Secrets,
): ExchangeStore {
  return {
    claim: ({ appId, code, idempotencyKey }, holdMs) => {
      const key = `identity:exchange:${appId}:${hash(code)}`;
      const tag = hash(idempotencyKey);
      const mine = `${tag}:${randomUUID()}`;
      const replace = (value: string) =>
        attempt(async () => {
          await redis.eval(REPLACE_OWN, 1, key, mine, value, KEEP_MS);
        }, undefined);
      const ours: Claim = {
        state: "ours",
        keep: (value) => replace(`${tag}=${secrets.seal(JSON.stringify(value), key)}`),
        release: () => replace(""),
      };
      return attempt<Claim>(async () => {
        const kept = String(await redis.eval(CLAIM, 1, key, mine, holdMs));
        if (kept === mine) return ours;
        if (!kept.startsWith(tag)) return { state: "other key" };
        if (kept[tag.length] === ":") return { state: "pending" };
        const sealed = kept.slice(tag.length + 1);
        return { state: "kept", value: JSON.parse(secrets.open(sealed, key)) };
      }, ours);
    },
  };
}

/** Neither a code nor a key lies in Redis as it came. */
function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
