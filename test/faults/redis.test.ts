import { afterAll, beforeAll, beforeEach, expect, inject, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

let proxy: FaultProxy;
let service: TestService;
beforeAll(async () => {
  proxy = await startFaultProxy(inject("redisUrl"));
  service = await startService({ env: { REDIS_URL: proxy.url } });
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});
beforeEach(() => proxy.heal());

const login = () => service.grpc.miniLogin({ code: service.code("alice") });

it.each(["cut", "stall"] as const)("logs in while Redis is away (%s), and after", async (fault) => {
  await until(async () => (await login()).sessionKeyCached);
  proxy[fault]();
  const reply = await login();
  expect(reply).toMatchObject({ sessionKeyCached: false, user: { nickname: "微信用户" } });
  expect(service.logs).toContainEqual(expect.objectContaining({ event: "redis", level: "warn" }));
  proxy.heal();
  await until(async () => (await login()).sessionKeyCached);
});

it.each(["cut", "stall"] as const)("deletes an account while Redis is away (%s)", async (fault) => {
  await until(async () => (await login()).sessionKeyCached);
  const { accessToken: token } = await login();
  proxy[fault]();
  const { erasedAfter } = await service.grpc.deleteAccount({}, { token });
  expect(Number(erasedAfter?.seconds)).toBeGreaterThan(Date.now() / 1_000);
  await expect(service.grpc.getProfile({}, { token })).rejects.toMatchObject({
    reason: "TOKEN_REVOKED",
  });
});

it("stays ready without Redis, and says that it is degraded", async () => {
  proxy.cut();
  await until(async () => (await service.identity.health()).parts.redis === "degraded");
  expect((await service.identity.health()).ready).toBe(true);
});

it("keeps the session_key encrypted, under the account's name, for SESSION_KEY_TTL", async () => {
  await until(async () => (await login()).sessionKeyCached);
  const [key = ""] = await service.redis.keys(`identity:session_key:${service.appId}:*`);
  expect(await service.redis.get(key)).toMatch(/^\d{13}:test\.[A-Za-z0-9_-]{70,}$/);
  const ttlSeconds = await service.redis.ttl(key);
  expect(ttlSeconds).toBeGreaterThan(71 * 3_600);
  expect(ttlSeconds).toBeLessThanOrEqual(72 * 3_600);
});
