import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type MiniAppConfig, toIdentityConfig } from "../../src/config.ts";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

const dir = mkdtempSync(join(tmpdir(), "mini-apps-"));
const apps = ["wxaaaaaaaaaaaaaaaa", "wxbbbbbbbbbbbbbbbb"];
let service: TestService;
beforeAll(async () => {
  const path = join(dir, "mini-apps.json");
  const secrets = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
  writeFileSync(join(dir, "second"), `${secrets[1]}\n`);
  const file = [
    { appId: apps[0], secret: "00112233445566778899aabbccddeeff", nextSecret: secrets[0] },
    { appId: apps[1], secretFile: join(dir, "second") },
  ];
  writeFileSync(path, JSON.stringify({ apps: file }));
  service = await startService({ env: { MINI_APPS_FILE: path } });
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

const login = (appId?: string) => ({ code: service.code("alice"), ...(appId ? { appId } : {}) });

it.each(RPC_WIRES)("asks for the mini program on the wire %s", async (wire) => {
  const refusal = await refusalOf(service, wire, { method: "miniLogin", request: login() });
  expect(refusal).toMatchObject({ code: 3, reason: "APP_REQUIRED", field: "app_id" });
});

it("asks for it at the gateway, and takes it from the Referer", async () => {
  const response = await askGateway(service, { method: "miniLogin", request: login() });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ reason: "APP_REQUIRED" });
  const referred = await fetch(`${service.gateway}/api/v1/auth/mini-login`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      referer: `https://servicewechat.com/${apps[1]}/7/page-frame.html`,
    },
    body: JSON.stringify({ code: service.simulator.issueCode("alice", apps[1]) }),
  });
  expect(referred.status).toBe(200);
});

it("exchanges a code with the credentials of its own mini program only", async () => {
  const code = service.simulator.issueCode("carol", apps[1]);
  const wrong = await refusalOf(service, "grpc", {
    method: "miniLogin",
    request: { code, appId: apps[0] as string },
  });
  expect(wrong?.reason).toBe("LOGIN_CODE_INVALID");
});

it("takes the newer of two secrets once WeChat knows only that one", async () => {
  const login = () => service.grpc.miniLogin({ code: fresh(), appId: APP });
  const fresh = () => service.simulator.issueCode("dora", APP);
  const APP = apps[0] as string;
  const before = service.simulator.calls;
  const first = await login();
  // The older one is refused first; then the newer one is known to be right.
  expect(service.simulator.calls - before).toBe(2);
  expect((await login()).user?.id).toBe(first.user?.id);
  expect(service.simulator.calls - before).toBe(3);
});

it("takes no refresh token of another mini program, and does no harm to it", async () => {
  const [first = "", second = ""] = apps;
  const code = service.simulator.issueCode("gail", first);
  const { refreshToken } = await service.grpc.miniLogin({ code, appId: first });
  const refresh = (sender: string) =>
    fetch(`${service.gateway}/api/v1/auth/refresh`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        referer: `https://servicewechat.com/${sender}/7/page-frame.html`,
      },
      body: JSON.stringify({ refreshToken }),
    });
  const refused = await refresh(second);
  expect(await refused.json()).toMatchObject({ code: 401, reason: "REFRESH_TOKEN_INVALID" });
  const { miniApps } = toIdentityConfig(service.env);
  service.identity.reload({ miniApps: miniApps.slice(1) });
  await expect(service.grpc.refreshToken({ refreshToken })).rejects.toMatchObject({
    reason: "REFRESH_TOKEN_INVALID",
  });
  service.identity.reload({ miniApps });
  expect((await refresh(first)).status).toBe(200);
});

it("takes other mini programs without losing a call", async () => {
  const { miniApps } = toIdentityConfig(service.env);
  const [first, second] = miniApps as [MiniAppConfig, MiniAppConfig];
  service.simulator.faults.set({ latencyMs: 300 });
  const before = service.simulator.calls;
  const code = service.simulator.issueCode("erin", second.appId);
  const running = service.grpc.miniLogin({ code, appId: second.appId });
  await until(() => service.simulator.calls > before);
  service.identity.reload({ miniApps: [first] });
  expect((await running).isNewUser).toBe(true);
  service.simulator.faults.clear();
  const gone = service.grpc.miniLogin({ code: "any", appId: second.appId });
  await expect(gone).rejects.toMatchObject({ reason: "APP_UNKNOWN" });
  // The only one now, so that it need not be named.
  const only = service.grpc.miniLogin({ code: service.simulator.issueCode("finn", first.appId) });
  expect((await only).isNewUser).toBe(true);
  service.identity.reload({ miniApps });
});
