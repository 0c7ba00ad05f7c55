import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { toSimulatorConfig } from "../../src/config.ts";
import { startWechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { startProcess } from "../support/process.ts";
import { createSurroundings, login, type Surroundings, takeCode } from "./surroundings.ts";

let place: Surroundings;
beforeAll(async () => {
  place = await createSurroundings(inject("template"));
});
afterAll(() => place?.[Symbol.asyncDispose]());

/** Long enough that a process which does not wait is gone; well below what WeChat is given. */
const LATENCY = { latencyMs: 500 };

async function slowDown(simulator: string): Promise<void> {
  const body = JSON.stringify(LATENCY);
  const { status } = await fetch(`${simulator}/simulator/faults`, { method: "POST", body });
  expect(status).toBe(204);
}

/** A login that the gateway has taken on, and whose body it still waits for. */
interface OpenLogin {
  send(code: string): void;
  /** Rejects when the connection is cut. */
  answer: Promise<{ status: number | undefined; body: unknown }>;
}

async function openLogin(http: string): Promise<OpenLogin> {
  const headers = {
    "content-type": "application/json",
    "transfer-encoding": "chunked",
    // The answer to it, 100 Continue, tells that the gateway has the request.
    expect: "100-continue",
  };
  const opened = request(`http://${http}/api/v1/auth/mini-login`, { method: "POST", headers });
  const answer = once(opened, "response").then(async ([response]: IncomingMessage[]) => {
    if (!response) throw new Error("no response");
    return { status: response.statusCode, body: JSON.parse(await text(response)) };
  });
  // Whoever opened it awaits it; it may be cut before.
  answer.catch(() => {});
  opened.on("error", () => {});
  opened.flushHeaders();
  await once(opened, "continue");
  return { send: (code) => opened.end(JSON.stringify({ code })), answer };
}

it.concurrent("all: finishes the login it has begun, then exits 0", {
  timeout: 60_000,
}, async () => {
  // The rest is embedded, and must outlive the login too.
  const { WX_MINI_APP_ID, WX_MINI_APP_SECRET, REDIS_URL, ...env } = place.env;
  await using all = startProcess("all", { env, cwd: place.cwd });
  const { http = "", simulator = "" } = await all.ready();
  await slowDown(`http://${simulator}`);
  const code = await takeCode(simulator, "alice");
  const opened = await openLogin(http);
  all.kill("SIGTERM");
  await all.line("stopping");
  opened.send(code);
  expect(await opened.answer).toMatchObject({ status: 200, body: { isNewUser: true } });
  expect(await all.ended()).toBe(0);
  await expect(login(http, simulator, "bob")).rejects.toThrow("fetch failed");
});

it.concurrent.for(["gateway", "identity"])(
  "identity and gateway: finish a login that is at WeChat, %s stopped first",
  { timeout: 60_000 },
  async (first, { expect }) => {
    const { env, cwd } = place;
    await using simulator = await startWechatSimulator(toSimulatorConfig(env));
    await slowDown(simulator.url);
    const wechat = { ...env, WX_API_BASE_URL: simulator.url };
    await using identity = startProcess("identity", { env: wechat, cwd });
    const { grpc = "" } = await identity.ready();
    const target = { ...env, IDENTITY_GRPC_TARGET: grpc };
    await using gateway = startProcess("gateway", { env: target, cwd });
    const { http = "" } = await gateway.ready();
    const answer = login(http, new URL(simulator.url).host, "carol");
    // Awaited below; until then a test that fails elsewhere is to say so itself.
    answer.catch(() => {});
    await expect.poll(() => simulator.calls, { timeout: 20_000, interval: 5 }).toBe(1);
    const processes = first === "gateway" ? [gateway, identity] : [identity, gateway];
    for (const process of processes) process.kill("SIGTERM");
    expect((await answer).status).toBe(200);
    for (const process of processes) expect(await process.ended()).toBe(0);
  },
);

it.concurrent("does not wait any longer after a second signal", async () => {
  await using gateway = startProcess("gateway", { env: place.env, cwd: place.cwd });
  const { http = "" } = await gateway.ready();
  const opened = await openLogin(http);
  gateway.kill("SIGINT");
  await gateway.line("stopping");
  gateway.kill("SIGINT");
  expect(await gateway.ended()).toBe(1);
  await expect(opened.answer).rejects.toThrow("socket hang up");
});
