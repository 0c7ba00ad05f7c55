import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, inject, it } from "vitest";
import { startProcess } from "../support/process.ts";
import { createSurroundings, isListening, takeCode } from "./surroundings.ts";

/** A collector that keeps what it was sent, by the path. */
async function startCollector() {
  const sent: { path: string | undefined; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    sent.push({ path: request.url, body: await buffer(request) });
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, sent, [Symbol.asyncDispose]: close };
}

/** How often the bytes are in the body: once for each span of a trace. */
const countOf = (body: Buffer, bytes: Buffer) => {
  let count = 0;
  for (let at = body.indexOf(bytes); at >= 0; at = body.indexOf(bytes, at + 1)) count++;
  return count;
};

const bodiesOf = (sent: readonly { body: Buffer }[], service: string) =>
  Buffer.concat(sent.map(({ body }) => body).filter((body) => body.includes(service)));

it("sends the spans of a login, from the gateway to WeChat, under the caller's trace and without a secret", {
  timeout: 90_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const collector = opened.use(await startCollector());
  const { cwd, env } = opened.use(await createSurroundings(inject("template")));
  const traced = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` };
  const simulator = opened.use(startProcess("simulator", { env, cwd }));
  const { simulator: wechat = "" } = await simulator.ready();
  const WX_API_BASE_URL = `http://${wechat}`;
  const identity = opened.use(
    startProcess("identity", { env: { ...traced, WX_API_BASE_URL }, cwd }),
  );
  const { grpc: IDENTITY_GRPC_TARGET = "" } = await identity.ready();
  const gateway = opened.use(
    startProcess("gateway", { env: { ...traced, IDENTITY_GRPC_TARGET }, cwd }),
  );
  const { http = "" } = await gateway.ready();

  const traceId = randomBytes(16);
  const traceparent = `00-${traceId.toString("hex")}-${randomBytes(8).toString("hex")}-01`;
  const post = async (path: string, body: object) => {
    const response = await fetch(`http://${http}/api/v1/auth/${path}?secret=querycanary`, {
      method: "POST",
      headers: { "content-type": "application/json", traceparent },
      body: JSON.stringify(body),
    });
    return { status: response.status, reply: (await response.json()) as Record<string, string> };
  };
  const code = await takeCode(wechat, "traced");
  const { status, reply } = await post("mini-login", { code });
  expect(status).toBe(200);
  const { token = "", refreshToken = "" } = reply;
  const again = await post("mini-login", { code });
  expect([again.status, again.reply.reason]).toEqual([409, "LOGIN_CODE_USED"]);

  // The end of a process sends what is left.
  for (const process of [gateway, identity]) {
    process.kill("SIGTERM");
    expect(await process.ended()).toBe(0);
  }
  expect(new Set(collector.sent.map(({ path }) => path))).toEqual(new Set(["/v1/traces"]));
  const [outer, inner] = ["gateway", "identity"].map((role) =>
    bodiesOf(collector.sent, `mini-identity-${role}`),
  ) as [Buffer, Buffer];
  // Each with its count in Redis.
  expect(countOf(outer, traceId)).toBe(4);
  expect(countOf(outer, Buffer.from("POST /api/v1/auth/mini-login"))).toBe(2);
  expect(outer.includes("LOGIN_CODE_USED")).toBe(true);
  for (const name of ["MiniLogin", "WeChat /sns/jscode2session", "PostgreSQL", "Redis"]) {
    expect(inner.includes(name), name).toBe(true);
  }
  expect(countOf(inner, traceId)).toBeGreaterThan(6);

  const secret = env.WX_MINI_APP_SECRET ?? "";
  for (const canary of [code, token, refreshToken, secret, "querycanary", "js_code", "postgres:"]) {
    expect(canary.length).toBeGreaterThan(5);
    for (const { body } of collector.sent) expect(body.includes(canary), canary).toBe(false);
  }
});

it("serves and ends as ever where no collector answers, and refuses an address that is none", {
  timeout: 60_000,
}, async () => {
  await using opened = new AsyncDisposableStack();
  const { cwd, env } = opened.use(await createSurroundings(inject("template")));
  const OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:1";
  const gateway = opened.use(
    startProcess("gateway", {
      env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT, IDENTITY_GRPC_TARGET: "127.0.0.1:1" },
      cwd,
    }),
  );
  const { http = "" } = await gateway.ready();
  expect((await fetch(`http://${http}/api/v1/nowhere`)).status).toBe(404);
  gateway.kill("SIGTERM");
  expect(await gateway.ended()).toBe(0);
  expect(await isListening(http)).toBe(false);

  const misled = opened.use(
    startProcess("gateway", { env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: "collector" }, cwd }),
  );
  expect(await misled.ended()).toBe(78);
  expect(misled.said.stderr).toContain("OTEL_EXPORTER_OTLP_ENDPOINT");
});
