import { createHash } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CALLER_SECRET, startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

const OPENID = "oSLOWandFAST";
const OLDER = "AAAAAAAAAAAAAAAAAAAAAA==";
const NEWER = "BBBBBBBBBBBBBBBBBBBBBA==";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

/** WeChat answers the next exchange with this key, after a while. */
const answer = (session_key: string, latencyMs: number) =>
  service.simulator.faults.set({
    latencyMs,
    times: 1,
    reply: {
      status: 200,
      contentType: "text/plain",
      body: JSON.stringify({ openid: OPENID, session_key }),
    },
  });

const isKept = async (sessionKey: string) => {
  const rawData = "{}";
  const signature = createHash("sha1")
    .update(rawData + sessionKey)
    .digest("hex");
  const call = service.directory.verifySignature({ openid: OPENID, rawData, signature });
  return call.then(
    () => true,
    () => false,
  );
};

it("keeps the key of the exchange that began later, whichever ends first", async () => {
  const before = service.simulator.calls;
  answer(OLDER, 500);
  const slow = service.grpc.miniLogin({ code: service.code("x") });
  await until(() => service.simulator.calls > before);
  answer(NEWER, 0);
  await service.grpc.miniLogin({ code: service.code("x") });
  expect(await isKept(NEWER)).toBe(true);
  expect((await slow).sessionKeyCached).toBe(true);
  expect(await isKept(NEWER)).toBe(true);
  expect(await isKept(OLDER)).toBe(false);
});

it("takes the next key after that", async () => {
  answer(OLDER, 0);
  await service.grpc.miniLogin({ code: service.code("x") });
  expect(await isKept(OLDER)).toBe(true);
});

describe.each(["grpc", "connect"] as const)("asked over %s", (wire) => {
  const person = `person-${wire}`;
  let userId: bigint;
  const headers = { authorization: `Bearer ${CALLER_SECRET}` };
  const check = async () => {
    const { valid } = await (wire === "grpc"
      ? service.directory.checkSessionKey({ userId })
      : service.directoryConnect.checkSessionKey({ userId }, { headers }));
    return valid;
  };
  const reset = () =>
    wire === "grpc"
      ? service.directory.resetSessionKey({ userId })
      : service.directoryConnect.resetSessionKey({ userId }, { headers });
  const holds = async () => {
    const rawData = "{}";
    const sessionKey = service.simulator.sessionKeyOf(person);
    const signature = createHash("sha1")
      .update(rawData + sessionKey)
      .digest("hex");
    return service.directory.verifySignature({ userId, rawData, signature }).then(
      () => true,
      (error) => error.reason,
    );
  };
  beforeEach(async () => {
    service.simulator.faults.clear();
    const login = await service.grpc.miniLogin({ code: service.code(person) });
    userId = login.user?.id as bigint;
  });

  it("knows whether WeChat still takes the kept key", async () => {
    expect(await check()).toBe(true);
    service.code(person);
    expect(await check()).toBe(false);
  });

  it("has the key replaced, and keeps the new one for as long as the old one", async () => {
    const [key = ""] = await service.redis.keys(`identity:session_key:${service.appId}:*`);
    const { openid } = await service.directory
      .getUser({ by: { case: "id", value: userId } })
      .then(({ user }) => user?.accounts[0] ?? { openid: "" });
    const own = key.replace(/[^:]+$/, openid);
    await service.redis.expire(own, 1_000);
    const before = service.simulator.sessionKeyOf(person);
    await reset();
    expect(service.simulator.sessionKeyOf(person)).not.toBe(before);
    expect(await holds()).toBe(true);
    expect(await check()).toBe(true);
    const ttlSeconds = await service.redis.ttl(own);
    expect(ttlSeconds).toBeGreaterThan(900);
    expect(ttlSeconds).toBeLessThanOrEqual(1_000);
  });

  it("says SESSION_KEY_STALE when there is a newer key that we do not have", async () => {
    service.code(person);
    const code = wire === "grpc" ? {} : { code: Code.FailedPrecondition };
    const stale = wire === "grpc" ? { reason: "SESSION_KEY_STALE" } : code;
    await expect(reset()).rejects.toMatchObject(stale);
  });

  it("gets over an access token that WeChat no longer takes, with one more", async () => {
    expect(await check()).toBe(true);
    const before = service.simulator.tokenCalls;
    service.simulator.revokeToken();
    expect(await Promise.all(Array.from({ length: 20 }, check))).not.toContain(false);
    expect(service.simulator.tokenCalls).toBe(before + 1);
  });

  it("fails without an access token, and logins do not notice", async () => {
    service.simulator.revokeToken();
    service.simulator.faults.set({ path: "/cgi-bin/stable_token", errcode: -1 });
    const login = await service.grpc.miniLogin({ code: service.code(person) });
    expect(login.sessionKeyCached).toBe(true);
    const busy = wire === "grpc" ? { reason: "UPSTREAM_BUSY" } : { code: Code.Unavailable };
    await expect(check()).rejects.toMatchObject(busy);
    service.simulator.faults.clear();
    expect(await check()).toBe(true);
  });
});

it("says so when the new key could not be kept", async () => {
  const login = await service.grpc.miniLogin({ code: service.code("forgotten") });
  const userId = login.user?.id as bigint;
  const { user } = await service.directory.getUser({ by: { case: "id", value: userId } });
  const key = `identity:session_key:${service.appId}:${user?.accounts[0]?.openid}`;
  // Redis forgets the old one while WeChat is still at it.
  service.simulator.faults.set({ path: "/wxa/resetusersessionkey", latencyMs: 1_000 });
  expect(await service.redis.pexpire(key, 500)).toBe(1);
  const reset = service.directory.resetSessionKey({ userId });
  await expect(reset).rejects.toMatchObject({ reason: "SESSION_KEY_MISSING" });
  service.simulator.faults.clear();
});

it("tells no session_key and no access token to the log", () => {
  const lines = JSON.stringify(service.logs);
  for (const person of ["person-grpc", "person-connect"]) {
    expect(lines).not.toContain(service.simulator.sessionKeyOf(person));
  }
  expect(lines).not.toContain("access_token");
});
