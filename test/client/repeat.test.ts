import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createIdentityClient, type IdentityClient } from "../../src/client.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

let service: TestService;
let proxy: FaultProxy;
let client: IdentityClient;
let token: string;
beforeAll(async () => {
  service = await startService();
  proxy = await startFaultProxy(`tcp://${service.identity.addresses.grpc}`);
  client = createIdentityClient({ target: new URL(proxy.url).host, timeoutMs: 20_000 });
  token = (await client.miniLogin({ code: service.code("alice") })).accessToken;
});
afterAll(async () => {
  client?.close();
  await proxy?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  proxy.heal();
  await client.isReady(10_000);
});

/** A call that is carried out, and whose reply is lost with the connection. */
async function losingReply<T>(call: () => Promise<T>, isDone: () => Promise<boolean> | boolean) {
  proxy.mute();
  const running = call();
  running.catch(() => {});
  await until(isDone);
  proxy.cut();
  proxy.heal();
  return running;
}

const servedCalls = (method: string) =>
  service.logs.filter((line) => line.event === "call" && line.method === method).length;

it("makes a read again whose reply was lost", async () => {
  const before = servedCalls("GetProfile");
  const isDone = () => servedCalls("GetProfile") > before;
  const reply = await losingReply(() => client.getProfile({}, { token }), isDone);
  expect(reply.user?.nickname).toBe("微信用户");
  expect(servedCalls("GetProfile")).toBe(before + 2);
});

it("makes a login under a key again, with one call to WeChat, and one without a key not", async () => {
  const calls = service.simulator.calls;
  const served = () => servedCalls("MiniLogin");
  let before = served();
  const isDone = () => served() > before;
  const login = (key?: string) => {
    const request = { code: service.code("bob"), ...(key ? { idempotencyKey: key } : {}) };
    return losingReply(() => client.miniLogin(request), isDone);
  };
  expect((await login("login-key-0000000001")).isNewUser).toBe(true);
  expect(service.simulator.calls - calls).toBe(1);
  before = served();
  await expect(login()).rejects.toMatchObject({ reason: "OVERLOADED" });
  expect(served()).toBe(before + 1);
});

it("makes a change never again", async () => {
  const version = async () => (await service.grpc.getProfile({}, { token })).user?.version;
  const before = (await version()) ?? 0n;
  const change = losingReply(
    () => client.updateProfile({ nickname: "Alice" }, { token }),
    async () => (await version()) === before + 1n,
  );
  await expect(change).rejects.toMatchObject({ reason: "OVERLOADED", retryAfterMs: 1_000 });
  expect(await version()).toBe(before + 1n);
});

it("makes nothing again that identity refused", async () => {
  const before = servedCalls("GetProfile");
  const call = client.getProfile({}, { token: `${token}x` });
  await expect(call).rejects.toMatchObject({ reason: "TOKEN_INVALID" });
  expect(servedCalls("GetProfile")).toBe(before + 1);
});

it("stays within the deadline, and ends when its caller goes away", async () => {
  proxy.cut();
  const timed = client.getProfile({}, { token, timeoutMs: 300 });
  await expect(timed).rejects.toMatchObject({ reason: "OVERLOADED" });
  const controller = new AbortController();
  const ended = client.getProfile({}, { token, signal: controller.signal });
  controller.abort();
  await expect(ended).rejects.toMatchObject({ name: "IdentityCallError" });
});
