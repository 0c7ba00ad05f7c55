import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { type AnyCall, askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

let proxy: FaultProxy;
let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService({
    throughDatabase: async (url) => {
      proxy = await startFaultProxy(url);
      return proxy.url;
    },
  });
  token = (await service.grpc.miniLogin({ code: service.code("alice") })).accessToken;
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});
beforeEach(() => proxy.heal());

const succeeds = async (call: () => AnyCall) => {
  return (await refusalOf(service, "grpc", call())) === undefined;
};
const getProfile = (): AnyCall => ({ method: "getProfile", token });
const login = (): AnyCall => ({ method: "miniLogin", request: { code: service.code("alice") } });

it.each([
  ["cut", "login", login],
  ["cut", "profile", getProfile],
  ["stall", "login", login],
  ["stall", "profile", getProfile],
] as const)("PostgreSQL away (%s, %s): a clear error, and recovery", async (fault, _, call) => {
  await until(() => succeeds(call));
  // Enough to have every connection open, and then to have every one wait.
  const many = () => Promise.all(Array.from({ length: 24 }, () => succeeds(call)));
  expect(await many()).not.toContain(false);
  proxy[fault]();
  expect(await many()).not.toContain(true);
  // The client's own deadline of 10 s would give another reason.
  for (const wire of RPC_WIRES) {
    const refusal = await refusalOf(service, wire, call());
    expect(refusal).toMatchObject({ reason: "STORAGE_UNAVAILABLE", code: 14, hasRetry: true });
  }
  const response = await askGateway(service, call());
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await response.json()).toMatchObject({ reason: "STORAGE_UNAVAILABLE" });
  expect((await service.identity.health()).ready).toBe(false);
  proxy.heal();
  await until(() => succeeds(call));
  expect((await service.identity.health()).ready).toBe(true);
});

it("serves the public keys and refuses bad tokens without PostgreSQL", async () => {
  proxy.cut();
  expect((await service.grpc.getJwks({})).keys).toHaveLength(2);
  const refusal = await refusalOf(service, "grpc", { method: "getProfile", token: "a.b.c" });
  expect(refusal?.reason).toBe("TOKEN_INVALID");
});

it("gets over connections that the server ended, without an error", async () => {
  await until(() => succeeds(getProfile));
  await service.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'mini-identity'`;
  const calls = Array.from({ length: 20 }, (_, i) => succeeds(i % 2 === 0 ? login : getProfile));
  expect(await Promise.all(calls)).not.toContain(false);
});

it("asks nothing of its own on a new connection, whose failure would end the process", async () => {
  // What postgres.js asks by default.
  proxy.cutAt("typarray");
  await service.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'mini-identity'`;
  await until(() => succeeds(getProfile));
  const calls = Array.from({ length: 20 }, () => succeeds(getProfile));
  expect(await Promise.all(calls)).not.toContain(false);
});
