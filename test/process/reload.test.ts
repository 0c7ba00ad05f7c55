import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { createIdentityClient } from "../../src/client.ts";
import { startProcess } from "../support/process.ts";
import { createSurroundings } from "./surroundings.ts";

const app = (appId: string) => ({ appId, secret: "0123456789abcdef0123456789abcdef" });

it("reads its mini programs again at SIGHUP, and keeps them when they cannot be read", async () => {
  await using around = await createSurroundings(inject("template"));
  const file = join(around.cwd, "mini-apps.json");
  const write = (text: string) => writeFileSync(file, text);
  const { WX_MINI_APP_ID: _id, WX_MINI_APP_SECRET: _secret, ...rest } = around.env;
  write(JSON.stringify({ apps: [app("wxaaaa")] }));
  const env = { ...rest, MINI_APPS_FILE: file, WX_API_BASE_URL: "http://127.0.0.1:1" };
  await using identity = startProcess("identity", { env, cwd: around.cwd });
  const addresses = await identity.ready();
  const client = createIdentityClient({ target: addresses.grpc ?? "", timeoutMs: 20_000 });
  const reasonOf = (appId: string) =>
    client.miniLogin({ code: "any", appId }).catch((error) => error.reason);

  expect(await reasonOf("wxbbbb")).toBe("APP_UNKNOWN");
  write(JSON.stringify({ apps: [app("wxaaaa"), app("wxbbbb")] }));
  identity.kill("SIGHUP");
  await identity.line("reloaded");
  // Known now; there is no WeChat to ask.
  expect(await reasonOf("wxbbbb")).toBe("UPSTREAM_BUSY");

  write("{");
  identity.kill("SIGHUP");
  const line = await identity.line("not reloaded");
  expect(line).toMatchObject({ level: "error", err: { type: "ConfigError" } });
  expect(await reasonOf("wxbbbb")).toBe("UPSTREAM_BUSY");
  client.close();
});
