import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { IdentityError } from "../../src/identity/errors.ts";
import {
  createWechatTokens,
  type WechatTokens,
} from "../../src/identity/platforms/wechat-token.ts";
import { createSecrets } from "../../src/identity/secrets.ts";
import { openSharedTokens, type SharedTokenCache } from "../../src/identity/store/shared-tokens.ts";
import { tolerantly } from "../../src/redis.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { until } from "../support/until.ts";

const LIFE_SECONDS = 7_200;
const secrets = createSecrets([{ kid: "k1", key: randomBytes(32) }]);
const signal = new AbortController().signal;

let proxy: FaultProxy;
/** One connection for each process that is played. */
let connections: Redis[];
let direct: Redis;
let nowMs = Date.now();
const now = () => nowMs;
const appIds: string[] = [];

beforeAll(async () => {
  proxy = await startFaultProxy(inject("redisUrl"));
  direct = new Redis(inject("redisUrl"));
  connections = Array.from({ length: 3 }, () => {
    const redis = new Redis(proxy.url, {
      commandTimeout: 500,
      connectTimeout: 500,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      autoResendUnfulfilledCommands: false,
      socketTimeout: 1_000,
      retryStrategy: () => 50,
    });
    return redis.on("error", () => {});
  });
});
afterAll(async () => {
  for (const redis of connections) redis.disconnect();
  for (const appId of appIds) await direct.del(keyOf(appId), leaseOf(appId));
  direct.disconnect();
  await proxy[Symbol.asyncDispose]();
});
beforeEach(async () => {
  proxy.heal();
  nowMs = Date.now();
  await until(() => connections.every(({ status }) => status === "ready"));
});

const keyOf = (appId: string) => `identity:wechat_token:${appId}`;
const leaseOf = (appId: string) => `identity:wechat_token_lease:${appId}`;

function newApp() {
  const appId = `wx${randomBytes(8).toString("hex")}`;
  appIds.push(appId);
  return { appId, secrets: ["secret"] };
}

/** A stable_token that counts, and three processes that ask it. */
function start(fetchMs = 30) {
  const app = newApp();
  const calls: AbortSignal[] = [];
  const wechat = {
    calls,
    /** The token handed out; each call makes another, unless `same`. */
    same: undefined as string | undefined,
    error: undefined as Error | undefined,
    fetchMs,
    async fetchToken(_app: unknown, fetchSignal: AbortSignal) {
      calls.push(fetchSignal);
      const token = wechat.same ?? `token-${calls.length}`;
      await sleep(wechat.fetchMs);
      if (wechat.error) throw wechat.error;
      return { token, expiresInSeconds: LIFE_SECONDS };
    },
  };
  const onError = vi.fn();
  const tokensOn = (cache: SharedTokenCache) =>
    createWechatTokens({ fetchToken: wechat.fetchToken, cache, onError, now });
  const caches = connections.map((redis) =>
    openSharedTokens({ redis, attempt: tolerantly(() => {}, 1_000) }, secrets, now),
  );
  const processes = caches.map(tokensOn);
  const [one, two, three] = processes as [WechatTokens, WechatTokens, WechatTokens];
  const [cache] = caches as [SharedTokenCache];
  return { app, wechat, processes, one, two, three, cache, tokensOn, onError };
}

const sharedLife = (token: string) => ({
  token,
  expiresAtMs: nowMs + LIFE_SECONDS * 1_000,
  renewAtMs: nowMs + LIFE_SECONDS * 800,
});

describe("a thousand cold callers on three processes", () => {
  it("make one call", async () => {
    const { app, wechat, processes } = start();
    const got = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => processes[i % 3]?.get(app, signal)),
    );
    expect(new Set(got)).toEqual(new Set(["token-1"]));
    expect(wechat.calls).toHaveLength(1);
  });

  it.each(["cut", "stall"] as const)("make three at most without Redis (%s)", async (fault) => {
    const { app, wechat, processes } = start();
    proxy[fault]();
    const sinceMs = performance.now();
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => processes[i % 3]?.get(app, signal)));
    // Nobody waits for a lease that is nowhere.
    expect(performance.now() - sinceMs).toBeLessThan(2_900);
    expect(wechat.calls.length).toBeLessThanOrEqual(3);
    await Promise.all(processes.map((it) => it.get(app, signal)));
    expect(wechat.calls.length).toBeLessThanOrEqual(3);
  });

  it("all hear of one failure, and the next caller asks again", async () => {
    const { app, wechat, one } = start();
    wechat.error = new IdentityError("UPSTREAM_QUOTA", "no more");
    const got = await Promise.allSettled(Array.from({ length: 333 }, () => one.get(app, signal)));
    expect(got.every((it) => it.status === "rejected" && it.reason === wechat.error)).toBe(true);
    expect(wechat.calls).toHaveLength(1);
    wechat.error = undefined;
    expect(await one.get(app, signal)).toBe("token-2");
  });
});

describe("the lease", () => {
  it("that a dead process holds ends by itself", async () => {
    const { app, wechat, cache, one } = start();
    expect(await cache.lease(app.appId, 800)).toBeTypeOf("function");
    const sinceMs = performance.now();
    expect(await one.get(app, signal)).toBe("token-1");
    const tookMs = performance.now() - sinceMs;
    expect(tookMs).toBeGreaterThan(500);
    expect(tookMs).toBeLessThan(2_500);
    expect(wechat.calls).toHaveLength(1);
  });

  it("is not waited for longer than 3 s", async () => {
    const { app, cache, one } = start();
    await cache.lease(app.appId, 30_000);
    const sinceMs = performance.now();
    expect(await one.get(app, signal)).toBe("token-1");
    expect(performance.now() - sinceMs).toBeGreaterThan(2_500);
    expect(performance.now() - sinceMs).toBeLessThan(5_000);
  });

  it("has one holder, and only the holder gives it back", async () => {
    const { app, cache } = start();
    const release = await cache.lease(app.appId, 200);
    expect(await cache.lease(app.appId, 200)).toBeUndefined();
    await until(async () => !(await direct.exists(leaseOf(app.appId))));
    expect(await cache.lease(app.appId, 30_000)).toBeTypeOf("function");
    await release?.();
    expect(await direct.pttl(leaseOf(app.appId))).toBeGreaterThan(20_000);
  });

  it("is free again after a call, also after one that failed", async () => {
    const { app, wechat, one } = start();
    wechat.error = new IdentityError("UPSTREAM_BUSY", "busy");
    await expect(one.get(app, signal)).rejects.toThrow("busy");
    expect(await direct.exists(leaseOf(app.appId))).toBe(0);
  });

  it("got late finds what the holder before wrote", async () => {
    const { app, wechat, cache, tokensOn } = start();
    const late: SharedTokenCache = {
      ...cache,
      async lease(appId, holdMs) {
        await cache.write(appId, sharedLife("written-meanwhile"));
        return cache.lease(appId, holdMs);
      },
    };
    expect(await tokensOn(late).get(app, signal)).toBe("written-meanwhile");
    expect(wechat.calls).toHaveLength(0);
  });
});

describe("renewal", () => {
  it("at 80 % of the life makes one call, and nobody waits", async () => {
    const { app, wechat, processes } = start();
    await Promise.all(processes.map((it) => it.get(app, signal)));
    nowMs += LIFE_SECONDS * 800 - 1;
    await Promise.all(processes.map((it) => it.get(app, signal)));
    await sleep(100);
    expect(wechat.calls).toHaveLength(1);
    nowMs += 1;
    wechat.fetchMs = 500;
    const sinceMs = performance.now();
    const got = await Promise.all(
      Array.from({ length: 999 }, (_, i) => processes[i % 3]?.get(app, signal)),
    );
    expect(performance.now() - sinceMs).toBeLessThan(400);
    expect(new Set(got)).toEqual(new Set(["token-1"]));
    await until(async () => {
      const after = await Promise.all(processes.map((it) => it.get(app, signal)));
      return after.every((token) => token === "token-2");
    });
    expect(wechat.calls).toHaveLength(2);
  });

  it("that fails leaves the token in use, and is tried again after a pause", async () => {
    const { app, wechat, one, onError } = start(0);
    await one.get(app, signal);
    nowMs += LIFE_SECONDS * 900;
    wechat.error = new IdentityError("UPSTREAM_BUSY", "busy");
    expect(await one.get(app, signal)).toBe("token-1");
    await until(() => onError.mock.calls.length === 1);
    expect(await one.get(app, signal)).toBe("token-1");
    await sleep(100);
    expect(wechat.calls).toHaveLength(2);
    wechat.error = undefined;
    nowMs += 10_000;
    expect(await one.get(app, signal)).toBe("token-1");
    await until(async () => (await one.get(app, signal)) === "token-3");
  });

  it("is waited for once the token is over", async () => {
    const { app, one, two } = start();
    await one.get(app, signal);
    await two.get(app, signal);
    nowMs += LIFE_SECONDS * 1_000;
    expect(await Promise.all([one.get(app, signal), two.get(app, signal)])).toEqual([
      "token-2",
      "token-2",
    ]);
  });
});

describe("a token that WeChat refuses", () => {
  it("is replaced by one call, however many find out", async () => {
    const { app, wechat, processes, one } = start();
    await Promise.all(processes.map((it) => it.get(app, signal)));
    const got = await Promise.all(
      Array.from({ length: 999 }, (_, i) => processes[i % 3]?.renew(app, "token-1", signal)),
    );
    expect(new Set(got)).toEqual(new Set(["token-2"]));
    expect(await one.renew(app, "token-1", signal)).toBe("token-2");
    expect(await one.get(app, signal)).toBe("token-2");
    expect(wechat.calls).toHaveLength(2);
  });

  it("is forgotten in the cache, but not the one after it", async () => {
    const { app, cache } = start();
    await cache.write(app.appId, sharedLife("new"));
    await cache.forget(app.appId, "old");
    expect(await cache.read(app.appId)).toMatchObject({ token: "new" });
    await cache.forget(app.appId, "new");
    expect(await cache.read(app.appId)).toBeUndefined();
  });

  it("stays forgotten when WeChat gives no other", async () => {
    const { app, wechat, one, two, cache } = start();
    await one.get(app, signal);
    wechat.error = new IdentityError("UPSTREAM_BUSY", "busy");
    await expect(one.renew(app, "token-1", signal)).rejects.toThrow("busy");
    expect(await cache.read(app.appId)).toBeUndefined();
    await expect(two.get(app, signal)).rejects.toThrow("busy");
    await expect(one.get(app, signal)).rejects.toThrow("busy");
  });

  it("is not taken back from the cache", async () => {
    const { app, wechat, one, cache, tokensOn } = start();
    await one.get(app, signal);
    const careless = tokensOn({ ...cache, forget: async () => {} });
    expect(await careless.get(app, signal)).toBe("token-1");
    expect(await careless.renew(app, "token-1", signal)).toBe("token-2");
    expect(wechat.calls).toHaveLength(2);
  });

  it("and hands out again fails, with one call a minute", async () => {
    const { app, wechat, one } = start(200);
    wechat.same = "stuck";
    await one.get(app, signal);
    const busy = { reason: "UPSTREAM_BUSY", retryAfterMs: 60_000 };
    const renewals = Array.from({ length: 100 }, async (_, i) => {
      await sleep(i);
      return one.renew(app, "stuck", signal);
    });
    for (const { status, ...rest } of await Promise.allSettled(renewals)) {
      expect(status).toBe("rejected");
      expect(rest).toMatchObject({ reason: busy });
    }
    nowMs += 59_999;
    const again = one.renew(app, "stuck", signal);
    await expect(again).rejects.toMatchObject({ ...busy, retryAfterMs: 1 });
    expect(await one.get(app, signal)).toBe("stuck");
    expect(wechat.calls).toHaveLength(2);
    nowMs += 1;
    wechat.same = undefined;
    expect(await one.renew(app, "stuck", signal)).toBe("token-3");
  });

  it("is not brought back by a renewal that was under way", async () => {
    const { app, wechat, one } = start(300);
    await one.get(app, signal);
    nowMs += LIFE_SECONDS * 800;
    wechat.same = "token-1";
    await one.get(app, signal);
    await until(() => wechat.calls.length === 2);
    wechat.same = undefined;
    expect(await one.renew(app, "token-1", signal)).toBe("token-3");
    expect(await one.get(app, signal)).toBe("token-3");
  });

  it("is replaced without Redis too", async () => {
    const { app, one } = start();
    proxy.cut();
    await one.get(app, signal);
    expect(await one.renew(app, "token-1", signal)).toBe("token-2");
  });
});

it("lets one caller leave without the others", async () => {
  const { app, wechat, one } = start(200);
  const leaving = new AbortController();
  const left = one.get(app, leaving.signal);
  const stays = one.get(app, signal);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  await expect(one.get(newApp(), leaving.signal)).rejects.toThrow("gone");
  expect(await stays).toBe("token-1");
  expect(wechat.calls).toHaveLength(1);
});

it("gives up on a WeChat that does not answer", async () => {
  const { app, one, wechat } = start(10_000);
  const giving = one.get(app, signal);
  await expect(giving).rejects.toMatchObject({ reason: "UPSTREAM_BUSY", retryAfterMs: 1_000 });
  expect(wechat.calls[0]?.aborted).toBe(true);
});

it("keeps the token encrypted under its key's name, until it ends", async () => {
  const { app, one, cache } = start();
  await one.get(app, signal);
  const sealed = (await direct.get(keyOf(app.appId))) ?? "";
  expect(sealed).toMatch(/^k1\.[A-Za-z0-9_-]{70,}$/);
  expect(JSON.parse(secrets.open(sealed, keyOf(app.appId)))).toEqual(sharedLife("token-1"));
  const lifeMs = await direct.pttl(keyOf(app.appId));
  expect(lifeMs).toBeGreaterThan(7_100_000);
  expect(lifeMs).toBeLessThanOrEqual(7_200_000);
  const other = newApp();
  await direct.set(keyOf(other.appId), sealed);
  expect(await cache.read(other.appId)).toBeUndefined();
  expect(await one.get(other, signal)).toBe("token-2");
});
