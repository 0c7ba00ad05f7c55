import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { promisify } from "node:util";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

const run = promisify(execFile);

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

const path = "/identity.v1.IdentityService";
const url = () => `http://${service.identity.addresses.connect}${path}`;

it("logs in through buf curl, which finds the schema by reflection", async () => {
  const { stdout } = await run("npx", [
    "buf",
    "curl",
    "--protocol=grpc",
    "--http2-prior-knowledge",
    `--data={"code":"${service.code("alice")}"}`,
    `http://${service.identity.addresses.grpc}${path}/MiniLogin`,
  ]);
  expect(JSON.parse(stdout)).toMatchObject({
    isNewUser: true,
    sessionKeyCached: true,
    user: { nickname: "微信用户", registrationSource: "miniapp" },
  });
});

it("reflects health, too", async () => {
  const { stdout } = await run("npx", [
    "buf",
    "curl",
    "--protocol=grpc",
    "--http2-prior-knowledge",
    `http://${service.identity.addresses.grpc}/grpc.health.v1.Health/Check`,
  ]);
  expect(JSON.parse(stdout)).toEqual({ status: "SERVING" });
});

it("logs in through a plain Connect request", async () => {
  const response = await fetch(`${url()}/MiniLogin`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code: service.code("bob") }),
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ isNewUser: true, expiresIn: "7200" });
});

it.each(["", "identity.v1.IdentityService"])("says that %j is serving", async (name) => {
  const client = new Client(service.identity.addresses.grpc, credentials.createInsecure());
  const { Check } = healthService;
  if (!Check) throw new Error("no Check");
  const status = await new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      Check.path,
      Check.requestSerialize,
      Check.responseDeserialize,
      { service: name },
      (error, reply) => (error ? reject(error) : resolve(reply)),
    );
  });
  client.close();
  expect(status).toEqual({ status: "SERVING" });
});

it.each(["grpc", "connect", "grpcWeb"] as const)("refuses 20 KB on the wire %s", async (wire) => {
  const call = service[wire].miniLogin({ code: "x".repeat(20_000) });
  const error = await call.catch((it) => it);
  // gRPC's RESOURCE_EXHAUSTED.
  expect(wire === "grpc" ? (error.cause as ServiceError).code : error.code).toBe(8);
});

it.each(["not json", '{"code":5}', '{"code":"a","bogus":1}', "[]"])(
  "refuses the Connect body %j",
  async (body) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${url()}/MiniLogin`, { method: "POST", headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_argument" });
  },
);

it("refuses a method that is not there", async () => {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url()}/DropUsers`, { method: "POST", headers, body: "{}" });
  expect(response.status).toBe(404);
});

it.each(["Host: [", "Host: a b", "Host: a:99999", "X: no host", "Host: a/b?c"])(
  "lives on after a Connect request with %j",
  async (header) => {
    const [host, port] = service.identity.addresses.connect.split(":");
    const socket = connectTcp(Number(port), host);
    let answer = "";
    socket.setEncoding("utf8").on("data", (text) => {
      answer += text;
    });
    const version = header.startsWith("X") ? "1.0" : "1.1";
    socket.end(
      `POST ${path}/GetJwks HTTP/${version}\r\n${header}\r\nConnection: close\r\n` +
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    );
    await once(socket, "close");
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((await service.connect.getJwks({})).keys).toHaveLength(2);
  },
);

it("refuses two authorization headers, and one that is not Bearer", async () => {
  const { accessToken } = await service.grpc.miniLogin({ code: service.code("alice") });
  for (const authorization of [`Bearer ${accessToken}, Bearer ${accessToken}`, "Basic YTpi", "x"]) {
    const call = service.connect.getProfile({}, { headers: { authorization } });
    await expect(call).rejects.toMatchObject({ code: 16 });
  }
  const lowercase = { headers: { authorization: `bearer ${accessToken}` } };
  expect((await service.connect.getProfile({}, lowercase)).user).toBeDefined();
});
