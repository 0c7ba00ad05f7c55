import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

const dir = mkdtempSync(join(tmpdir(), "mini-apps-"));
const apps = ["wxaaaaaaaaaaaaaaaa", "wxbbbbbbbbbbbbbbbb"];
let service: TestService;
beforeAll(async () => {
  const path = join(dir, "mini-apps.json");
  const secrets = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
  writeFileSync(join(dir, "second"), `${secrets[1]}\n`);
  const file = [
    { appId: apps[0], secret: secrets[0] },
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
