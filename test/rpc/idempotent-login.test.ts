import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

let proxy: FaultProxy;
let service: TestService;
let nowMs = Date.now();
beforeAll(async () => {
  service = await startService({
    now: () => nowMs,
    throughDatabase: async (url) => {
      proxy = await startFaultProxy(url);
      return proxy.url;
    },
  });
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});
beforeEach(() => {
  service.simulator.faults.clear();
  proxy.heal();
});

const KEY = "login-key-0000000001";
const OTHER_KEY = "login-key-0000000002";

const logIn = (code: string, idempotencyKey?: string) =>
  service.grpc.miniLogin({ code, ...(idempotencyKey ? { idempotencyKey } : {}) });
const exchangeKeys = () => service.redis.keys(`identity:exchange:${service.appId}:*`);
const expectUsed = (login: Promise<unknown>) =>
  expect(login).rejects.toMatchObject({ reason: "LOGIN_CODE_USED" });

/** How often WeChat is asked meanwhile. */
async function callsDuring(work: () => Promise<unknown>): Promise<number> {
  const before = service.simulator.calls;
  await work();
  return service.simulator.calls - before;
}

it("gives the same login again under the same key, and asks WeChat once", async () => {
  const code = service.code("retry");
  const logins: Awaited<ReturnType<typeof logIn>>[] = [];
  const calls = await callsDuring(async () => {
    for (let i = 0; i < 3; i++) logins.push(await logIn(code, KEY));
  });
  expect(calls).toBe(1);
  const [first, ...again] = logins;
  for (const login of again) {
    expect(login).toMatchObject({
      sessionId: first?.sessionId,
      refreshToken: first?.refreshToken,
      isNewUser: true,
      user: { id: first?.user?.id },
    });
  }
  const token = again[1]?.accessToken ?? "";
  expect((await service.grpc.listSessions({}, { token })).sessions).toHaveLength(1);
  const later = await logIn(service.code("retry"), OTHER_KEY);
  expect(later.isNewUser).toBe(false);
  expect(later.sessionId).not.toBe(first?.sessionId);
});

it("takes the same code under another key, or without one, for a second use", async () => {
  const code = service.code("thief");
  await logIn(code, KEY);
  expect(await callsDuring(() => expectUsed(logIn(code, OTHER_KEY)))).toBe(0);
  await expectUsed(logIn(code));
  const unkeyed = service.code("thief");
  await logIn(unkeyed);
  await expectUsed(logIn(unkeyed));
  await expectUsed(logIn(unkeyed, KEY));
});

it("lets concurrent duplicates share one call", async () => {
  const code = service.code("eager");
  service.simulator.faults.set({ latencyMs: 200 });
  const calls = await callsDuring(async () => {
    const logins = await Promise.all(Array.from({ length: 20 }, () => logIn(code, KEY)));
    expect(new Set(logins.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    expect(logins.every(({ isNewUser }) => isNewUser)).toBe(true);
  });
  expect(calls).toBe(1);
});

it("lets a login succeed whose database failed after the exchange, with one call", async () => {
  await logIn(service.code("warm"));
  const code = service.code("unlucky");
  const calls = await callsDuring(async () => {
    proxy.cut();
    await expect(logIn(code, KEY)).rejects.toMatchObject({ reason: "STORAGE_UNAVAILABLE" });
    proxy.heal();
    const login = await until(() => logIn(code, KEY).catch(() => undefined));
    expect(login.isNewUser).toBe(true);
  });
  expect(calls).toBe(1);
});

it("keeps what a caller has not waited for", async () => {
  const code = service.code("impatient");
  service.simulator.faults.set({ latencyMs: 500 });
  const calls = await callsDuring(async () => {
    const request = { code, idempotencyKey: KEY };
    await expect(service.grpc.miniLogin(request, { timeoutMs: 150 })).rejects.toMatchObject({
      reason: "OVERLOADED",
    });
    expect((await logIn(code, KEY)).isNewUser).toBe(true);
  });
  expect(calls).toBe(1);
});

it("asks again after a failure of WeChat that spent nothing", async () => {
  const code = service.code("patient");
  service.simulator.faults.set({ errcode: 45011 });
  await expect(logIn(code, KEY)).rejects.toMatchObject({ reason: "UPSTREAM_QUOTA" });
  service.simulator.faults.clear();
  nowMs += 60_000;
  expect((await logIn(code, KEY)).isNewUser).toBe(true);
});

it("gives no login again that was refreshed or has ended", async () => {
  const refreshed = service.code("mover");
  const { refreshToken } = await logIn(refreshed, KEY);
  await service.grpc.refreshToken({ refreshToken });
  await expectUsed(logIn(refreshed, KEY));
  const ended = service.code("mover");
  const { accessToken } = await logIn(ended, KEY);
  await service.grpc.logout({}, { token: accessToken });
  await expectUsed(logIn(ended, KEY));
});

it("keeps the exchange encrypted, without the code, and for a minute", async () => {
  const before = new Set(await exchangeKeys());
  const code = service.code("secret");
  const { refreshToken, user } = await logIn(code, KEY);
  const [key = ""] = (await exchangeKeys()).filter((one) => !before.has(one));
  const value = (await service.redis.get(key)) ?? "";
  const [row] = await service.sql`
    select openid from mini_accounts where user_id = ${String(user?.id)}`;
  for (const secret of [code, KEY, refreshToken, row?.openid as string]) {
    expect(`${key} ${value}`).not.toContain(secret);
  }
  expect(value).toMatch(/^[\w-]{43}=test\.[\w-]{100,}$/);
  const lifeMs = await service.redis.pttl(key);
  expect(lifeMs).toBeGreaterThan(30_000);
  expect(lifeMs).toBeLessThanOrEqual(60_000);
  await service.redis.del(key);
  await expectUsed(logIn(code, KEY));
});

it("keeps nothing without a key", async () => {
  const before = await exchangeKeys();
  await logIn(service.code("plain"));
  expect(await exchangeKeys()).toEqual(before);
});
