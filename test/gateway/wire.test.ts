import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createGateway, type Gateway } from "../../src/gateway/index.ts";
import { config, fakeIdentity, log, metrics } from "./fake-identity.ts";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await createGateway(config, { identity: fakeIdentity().identity, log, metrics });
});
afterAll(() => gateway.close());

async function send(request: string): Promise<string> {
  const socket = connect(gateway.address.port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("utf8").on("data", (text) => {
    answer += text;
  });
  socket.on("error", () => {});
  socket.write(request);
  await once(socket, "close");
  return answer;
}

const JWKS = "GET /.well-known/jwks.json HTTP/1.1\r\nConnection: close\r\n";
const LOGIN =
  "POST /api/v1/auth/mini-login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" +
  "Content-Type: application/json\r\n";
const chunk = `${(9_000).toString(16)}\r\n${"x".repeat(9_000)}\r\n0\r\n\r\n`;

it.each([
  ["a good one", `${JWKS}Host: a:80\r\n\r\n`, 200],
  ["Host [", `${JWKS}Host: [\r\n\r\n`, 400],
  ["Host with a space", `${JWKS}Host: a b\r\n\r\n`, 400],
  ["Host with port 99999", `${JWKS}Host: a:99999\r\n\r\n`, 400],
  ["no Host", `${JWKS}\r\n`, 400],
  ["two Hosts", `${JWKS}Host: a\r\nHost: b\r\n\r\n`, 400],
  ["HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 400],
  ["100 headers", `${JWKS}Host: a\r\n${"X-A: 1\r\n".repeat(100)}\r\n`, 431],
  ["17 KiB of header", `${JWKS}Host: a\r\nX: ${"x".repeat(17_000)}\r\n\r\n`, 431],
  ["both lengths", `${LOGIN}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`, 400],
  ["a large chunked body", `${LOGIN}Transfer-Encoding: chunked\r\n\r\n${chunk}`, 413],
  ["a large body", `${LOGIN}Content-Length: 9000\r\n\r\n${"x".repeat(9_000)}`, 413],
  [
    "two Authorizations",
    "GET /api/v1/users/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" +
      "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    401,
  ],
])("answers %s over the socket", async (_name, request, status) => {
  const answer = await send(request);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toMatch(/x-request-id: [\w-]{36}/i);
  if (status !== 200) expect(answer).toContain('"reason":');
});
