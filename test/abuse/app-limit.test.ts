import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { IdentityCallError } from "../../src/client.ts";
import { toMiniApps } from "../../src/config-mini-apps.ts";
import { ConfigError } from "../../src/config-values.ts";
import { startService, type TestService } from "../support/service.ts";

const LIMIT = 20;
const dir = mkdtempSync(join(tmpdir(), "mini-identity-limit-"));
const [limited, free] = [0, 1].map(() => `wx${randomBytes(8).toString("hex")}`) as [string, string];
const secret = randomBytes(16).toString("hex");

function writeApps(name: string, loginsPerMinute: unknown): string {
  const path = join(dir, name);
  const apps = [
    { appId: limited, secret, loginsPerMinute },
    { appId: free, secret },
  ];
  writeFileSync(path, JSON.stringify({ apps }));
  return path;
}

let service: TestService;
beforeAll(async () => {
  service = await startService({ env: { MINI_APPS_FILE: writeApps("apps.json", LIMIT) } });
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const logIn = (appId: string) =>
  service.grpc.miniLogin({ appId, code: service.simulator.issueCode("alice", appId) }).then(
    () => "OK",
    (error: IdentityCallError) => {
      expect(error.retryAfterMs).toBeGreaterThanOrEqual(1_000);
      return error.reason;
    },
  );

it("asks WeChat no more than a mini program's limit, and leaves the others alone", async () => {
  const before = service.simulator.calls;
  const reasons = await Promise.all(Array.from({ length: 200 }, () => logIn(limited)));
  expect(reasons.filter((reason) => reason === "OK")).toHaveLength(LIMIT);
  expect(reasons.filter((reason) => reason === "RATE_LIMITED")).toHaveLength(200 - LIMIT);
  expect(service.simulator.calls - before).toBe(LIMIT);
  expect(await logIn(free)).toBe("OK");
});

it.each([0, -1, 1.5, "20", null, {}])("refuses the limit %j", (loginsPerMinute) => {
  const read = () => toMiniApps({ MINI_APPS_FILE: writeApps("bad.json", loginsPerMinute) });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/^MINI_APPS_FILE: loginsPerMinute /);
});
