import { expect, inject, it } from "vitest";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { createSurroundings, login, statusOf } from "./surroundings.ts";

/** For a busy machine. */
const POLL = { timeout: 20_000, interval: 50 };

function countsOf(metrics: string): string[] {
  return metrics.split("\n").filter((line) => line.startsWith("identity_rpc_seconds_count{"));
}

it("runs as simulator, identity and gateway apart, and the gateway notices identity's absence", {
  timeout: 90_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const { cwd, env } = opened.use(await createSurroundings(inject("template")));
  const start = async (role: string, more: Record<string, string> = {}) => {
    const process = opened.use(startProcess(role, { env: { ...env, ...more }, cwd }));
    return { process, addresses: await process.ready() };
  };
  const simulator = (await start("simulator")).addresses.simulator ?? "";
  const wechat = { WX_API_BASE_URL: `http://${simulator}` };
  const identity = await start("identity", wechat);
  const target = { IDENTITY_GRPC_TARGET: identity.addresses.grpc ?? "" };
  const gateway = await start("gateway", target);
  expect(Object.keys(identity.addresses).sort()).toEqual(["connect", "grpc", "ops"]);
  expect(Object.keys(gateway.addresses).sort()).toEqual(["http", "ops"]);

  const { http = "", ops = "" } = gateway.addresses;
  const first = await login(http, simulator, "alice");
  expect(first).toMatchObject({ status: 200, body: { isNewUser: true } });

  for (const { addresses } of [identity, gateway]) {
    expect(await statusOf(`http://${addresses.ops}/healthz`)).toBe(200);
    expect(await statusOf(`http://${addresses.ops}/readyz`)).toBe(200);
    const metrics = await (await fetch(`http://${addresses.ops}/metrics`)).text();
    expect(metrics).toContain("# TYPE identity_rpc_seconds histogram");
    const counted = 'identity_rpc_seconds_count{method="MiniLogin",wire="grpc",reason="OK"} 1';
    expect(countsOf(metrics)).toEqual(addresses === identity.addresses ? [counted] : []);
  }
  expect(await statusOf(`http://${http}/metrics`)).toBe(404);
  // The demo gives codes away; only `all` has it, and not in production.
  expect(await statusOf(`http://${http}/demo/code?person=alice`)).toBe(404);

  const end = async (process: ServiceProcess) => {
    process.kill("SIGTERM");
    expect(await process.ended()).toBe(0);
  };
  await end(identity.process);
  await expect.poll(() => statusOf(`http://${ops}/readyz`), POLL).toBe(503);
  expect(await statusOf(`http://${ops}/healthz`)).toBe(200);
  expect(await login(http, simulator, "alice")).toMatchObject({
    status: 503,
    body: { reason: "OVERLOADED" },
  });

  const back = await start("identity", { ...wechat, GRPC_LISTEN: target.IDENTITY_GRPC_TARGET });
  await expect.poll(() => statusOf(`http://${ops}/readyz`), POLL).toBe(200);
  expect(await login(http, simulator, "alice")).toMatchObject({
    status: 200,
    body: { isNewUser: false, user: { id: first.body.user.id } },
  });
  for (const process of [gateway.process, back.process]) await end(process);
});

it("gives no codes away in production", { timeout: 60_000 }, async () => {
  await using around = await createSurroundings(inject("template"));
  const production = { NODE_ENV: "production", WX_API_BASE_URL: "http://127.0.0.1:1" };
  const env = { ...around.env, ...production };
  await using all = startProcess("all", { env, cwd: around.cwd });
  const { http } = await all.ready();
  expect(await statusOf(`http://${http}/.well-known/jwks.json`)).toBe(200);
  for (const path of ["", "/", "/code?person=alice", "/phone-code?phone=13800138000"]) {
    expect(await statusOf(`http://${http}/demo${path}`)).toBe(404);
  }
  expect(all.said.stderr).toBe("");
});
