import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { askGateway } from "../support/wires.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

const lines = async () => (await service.metrics.render()).split("\n");
const readValue = async (start: string) => {
  const line = (await lines()).find((one) => one.startsWith(start));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
};

it("counts logins by their result, on both wires and at the gateway", async () => {
  await service.grpc.miniLogin({ code: service.code("alice") });
  const bad = { method: "miniLogin", request: { code: "nobody-got-this" } } as const;
  for (let i = 0; i < 3; i++) await (await askGateway(service, bad)).text();
  const call = 'identity_rpc_seconds_count{method="MiniLogin",wire="grpc",reason=';
  expect(await readValue(`${call}"OK"}`)).toBe(1);
  expect(await readValue(`${call}"LOGIN_CODE_INVALID"}`)).toBe(3);
  const route = "/api/v1/auth/mini-login";
  const request = `gateway_http_seconds_count{route="${route}",status="400",reason=`;
  expect(await readValue(`${request}"LOGIN_CODE_INVALID"}`)).toBe(3);
  // WeChat was asked about each code once.
  const wechat = 'identity_wechat_seconds_count{path="/sns/jscode2session",reason=';
  expect(await readValue(`${wechat}"OK"}`)).toBe(1);
  expect(await readValue(`${wechat}"LOGIN_CODE_INVALID"}`)).toBe(1);
  expect(await readValue('identity_login_codes_total{outcome="asked"}')).toBe(2);
  expect(await readValue('identity_login_codes_total{outcome="known as refused"}')).toBe(2);
  expect(await readValue("identity_database_wait_seconds_count")).toBeGreaterThan(0);
});

it("tells when a part is left alone", async () => {
  service.simulator.faults.set({ reply: { status: 502, contentType: "text/plain", body: "" } });
  for (let i = 0; i < 20; i++) {
    await expect(service.grpc.miniLogin({ code: service.code("bob") })).rejects.toThrow();
  }
  expect(await readValue('identity_part_broken{part="wechat"}')).toBe(1);
  expect((await service.identity.health()).parts).toEqual({
    postgres: "up",
    redis: "up",
    wechat: "degraded",
  });
  expect((await service.identity.health()).ready).toBe(true);
});

it("has few labels: no path, code or id of a caller is one", async () => {
  for (let i = 0; i < 50; i++) {
    const response = await fetch(`${service.gateway}/made/up/${i}?q=${i}`);
    await response.text();
    await (
      await askGateway(service, { method: "revokeSession", request: { sessionId: `${i}` } })
    ).text();
  }
  const ours = (await lines()).filter((line) => /^(identity|gateway)_/.test(line));
  expect(ours.join("\n")).not.toContain("made/up");
  expect(ours.length).toBeLessThan(400);
});
