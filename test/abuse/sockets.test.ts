import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { askGateway } from "../support/wires.ts";

let service: TestService;
beforeAll(async () => {
  // All come from one address: as from a load balancer.
  service = await startService({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
});
afterAll(() => service?.[Symbol.asyncDispose]());

const hostOf = (origin: string) => {
  const { hostname, port } = new URL(origin);
  return { host: hostname, port: Number(port) };
};

async function open(origin: string, first: string, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ ...hostOf(origin), localAddress });
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  if (first) socket.write(first);
  return socket;
}

it("gets rid of 5,000 silent and slow sockets, and logs people in meanwhile", async () => {
  const beginnings = ["", "POST /api/v1/auth/mini-login HTTP/1.1\r\nHost: a\r\n", "GET"];
  const sockets: Socket[] = [];
  for (let i = 0; i < 5_000; i += 100) {
    const batch = Array.from({ length: 100 }, (_, j) =>
      open(service.gateway, beginnings[(i + j) % beginnings.length] ?? ""),
    );
    sockets.push(...(await Promise.all(batch)));
  }
  const login = () =>
    askGateway(service, { method: "miniLogin", request: { code: service.code("a") } });
  expect((await login()).status).toBe(200);
  const gone = sockets.map((socket) => (socket.closed ? undefined : once(socket, "close")));
  await Promise.all(gone);
  expect((await login()).status).toBe(200);
}, 60_000);

it("gives one address 1,024 sockets, another one its own, and what was closed back", async () => {
  const sockets: Socket[] = [];
  const openMany = async (count: number) => {
    for (let i = 0; i < count; i++) sockets.push(await open(service.gateway, "", "127.0.0.2"));
  };
  await openMany(1_024);
  const surplus = await open(service.gateway, "", "127.0.0.2");
  await once(surplus, "close");
  expect(sockets.filter(({ closed }) => closed)).toHaveLength(0);

  const ask = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const answers = async (address: string) => {
    const socket = connect({ ...hostOf(service.gateway), localAddress: address });
    socket.on("error", () => {}).write(ask);
    let answer = "";
    for await (const text of socket.setEncoding("utf8").iterator()) answer += text;
    return answer.startsWith("HTTP/1.1 200");
  };
  expect(await answers("127.0.0.3")).toBe(true);
  for (const socket of sockets) socket.destroy();
  await until(() => answers("127.0.0.2").catch(() => false));
});

/** What only looks like a host: as a URL it is none. */
const LOOKALIKES = [
  "919191919191",
  "256.256.256.256",
  "1.2.3.4.5",
  "0x1ffffffff",
  "1.2.3.256",
  "[::g]",
];

/** What a Host may not be: most hold a character that no host has, or such a port. */
function badHost(number: number): string {
  const bad = [
    "[",
    "]",
    " ",
    "/",
    "?",
    "#",
    "@",
    "\\",
    "%",
    "<",
    ">",
    "^",
    "|",
    "`",
    "{",
    "}",
    '"',
  ];
  const text = number.toString(36).repeat(1 + (number % 40));
  const at = 1 + (number % text.length);
  const port = number % 3 ? "" : ":99999";
  const host = `${text.slice(0, at)}${bad[number % bad.length]}${text.slice(at)}x${port}`;
  return LOOKALIKES[number % 10] ?? host;
}

it.each(["gateway", "connect"] as const)(
  "lives on after 500 malformed Hosts (%s)",
  async (name) => {
    const origin =
      name === "gateway" ? service.gateway : `http://${service.identity.addresses.connect}`;
    const path =
      name === "gateway" ? "/.well-known/jwks.json" : "/identity.v1.IdentityService/GetJwks";
    const send = async (number: number) => {
      const version = number % 2 ? "1.1" : "1.0";
      const method = name === "gateway" ? "GET" : "POST";
      const body =
        name === "gateway" ? "" : "Content-Type: application/json\r\nContent-Length: 2\r\n";
      const socket = connect(hostOf(origin));
      let answer = "";
      socket.setEncoding("utf8").on("data", (text) => {
        answer += text;
      });
      socket.on("error", () => {});
      socket.write(
        `${method} ${path} HTTP/${version}\r\nHost: ${badHost(number)}\r\n${body}Connection: close\r\n\r\n{}`,
      );
      await once(socket, "close");
      return answer.slice(0, 12);
    };
    for (let i = 0; i < 500; i += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, j) => send(i + j)));
      expect(new Set(answers)).toEqual(new Set(["HTTP/1.1 400"]));
    }
    expect((await service.connect.getJwks({})).keys).toHaveLength(2);
    expect((await askGateway(service, { method: "getJwks" })).status).toBe(200);
  },
);

it("lives on after 500 malformed :authority (gRPC)", async () => {
  const path = "/identity.v1.IdentityService/GetJwks";
  const session = connectHttp2(`http://${service.identity.addresses.grpc}`).on("error", () => {});
  /** What came of it: the gRPC status, or that the stream was reset. */
  const send = (number: number) =>
    new Promise<string>((resolve) => {
      const head = {
        ":method": "POST",
        ":path": path,
        ":authority": badHost(number),
        te: "trailers",
      };
      const stream = session.request({ ...head, "content-type": "application/grpc+proto" });
      let status: unknown = "reset";
      const take = (headers: object) => {
        status = (headers as Record<string, unknown>)["grpc-status"] ?? status;
      };
      stream
        .on("response", take)
        .on("trailers", take)
        .on("error", () => {});
      stream.once("close", () => resolve(String(status)));
      stream.resume().end(Buffer.alloc(5));
    });
  const statuses = await Promise.all(Array.from({ length: 500 }, (_, number) => send(number)));
  session.destroy();
  // Nothing of ours is made of it: either the frames are refused, or the call is one like any other.
  expect(new Set(statuses)).toEqual(new Set(["reset", "0"]));
  expect((await service.grpc.getJwks({})).keys).toHaveLength(2);
});
