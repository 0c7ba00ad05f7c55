import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(() => service.simulator.faults.clear());

const loginUrl = () =>
  `http://${service.identity.addresses.connect}/identity.v1.IdentityService/MiniLogin`;
const post = (headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(loginUrl(), {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ code: service.code("alice") }),
    ...(signal ? { signal } : {}),
  });
/** The caller goes away, or time runs out, while WeChat is still silent. */
const slow = () => service.simulator.faults.set({ latencyMs: 600_000 });
const lastCall = () => service.logs.findLast(({ event }) => event === "call");

describe("a deadline", () => {
  it("of the caller ends the call with OVERLOADED over Connect", async () => {
    slow();
    const response = await post({ "connect-timeout-ms": "150" });
    expect([503, 504]).toContain(response.status);
    expect(lastCall()).toMatchObject({ reason: "OVERLOADED", wire: "connect" });
  });

  it("of the caller ends the call over gRPC, and its work on the server", async () => {
    slow();
    const call = service.grpc.miniLogin({ code: service.code("alice") }, { timeoutMs: 150 });
    await expect(call).rejects.toMatchObject({ reason: "OVERLOADED" });
    await until(() => lastCall()?.reason === "OVERLOADED" && lastCall()?.wire === "grpc");
  });

  it("of WeChat ends the call with UPSTREAM_BUSY before the caller's own", async () => {
    slow();
    const call = service.grpc.miniLogin({ code: service.code("alice") }, { timeoutMs: 10_000 });
    await expect(call).rejects.toMatchObject({ reason: "UPSTREAM_BUSY" });
  });
});

it("gives up the call to WeChat when the caller goes away", async () => {
  slow();
  const before = service.simulator.calls;
  const gone = new AbortController();
  const call = post({}, gone.signal);
  await until(() => service.simulator.calls > before);
  gone.abort();
  await expect(call).rejects.toThrow();
  await until(() => lastCall()?.reason === "OVERLOADED");
});

it("refuses what would wait too long a line, and profiles go on meanwhile", async () => {
  // Those that run are not to end, and make room, before everybody has come.
  await using patient = await startService({ wechatTimeoutMs: 30_000 });
  const { simulator, grpc, identity, code } = patient;
  const { accessToken: token } = await grpc.miniLogin({ code: code("alice") });
  simulator.faults.set({ latencyMs: 600_000 });
  const before = simulator.calls;
  const gone = new AbortController();
  const logins = Array.from({ length: 64 + 1_024 }, () => {
    const options = { timeoutMs: 10_000, signal: gone.signal };
    return identity.client.miniLogin({ code: code("x") }, options).catch(() => {});
  });
  await until(() => simulator.calls >= before + 64);
  const refused = identity.client.miniLogin({ code: code("x") });
  await expect(refused).rejects.toMatchObject({ reason: "OVERLOADED", retryAfterMs: 1_000 });
  expect((await grpc.getProfile({}, { token })).user?.id).toBeDefined();
  // Nobody of the line was let in.
  await sleep(0);
  expect(simulator.calls).toBe(before + 64);
  gone.abort();
  await Promise.all(logins);
});

it.each(["-1", "1e3", "10001", "99999999999"])(
  "refuses a Connect-Timeout-Ms of %s",
  async (value) => {
    const before = service.simulator.calls;
    const response = await post({ "connect-timeout-ms": value });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/timeout/i),
    });
    expect(service.simulator.calls).toBe(before);
  },
);
