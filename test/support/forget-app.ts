import type { Redis } from "ioredis";

/** Removes what a mini program left in a Redis that others use too. */
export async function forgetApp(redis: Redis, appId: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `identity:*${appId}*`, count: 1_000 })) {
    if (keys.length > 0) await redis.del(keys);
  }
}
