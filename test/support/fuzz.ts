import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { Pool } from "undici";
import { SERVICES } from "../../src/identity/rpc/services.ts";

/** In flight at one time. */
const CONCURRENCY = 32;

/** Raw sockets are closed by us after this long: many a server waits for the rest. */
const RAW_WAIT_MS = 50;

/** Where the listeners are, as `host:port`. */
export interface FuzzTargets {
  gateway: string;
  connect: string;
  grpc: string;
  ops: string;
  /** A good access token, so that what wants one is reached too. */
  token: string;
  /** A login code that WeChat does not know. */
  code(): string;
}

export interface FuzzOptions {
  seed: number;
  count: number;
}

type Send = (random: Random) => Promise<void>;

/** Throws hostile bytes at every listener: made by chance, and by damaging good ones. */
export async function fuzz(targets: FuzzTargets, options: FuzzOptions): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const random = createRandom(options.seed);
  const senders = [
    sendJson(opened, targets),
    sendConnect(opened, targets),
    sendGrpc(opened, targets),
    sendRaw(targets),
  ];
  let next = 0;
  const work = async () => {
    while (next < options.count) {
      const number = next++;
      await senders[number % senders.length]?.(random);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
}

/** The gateway's routes, with JSON that was good before. */
function sendJson(opened: AsyncDisposableStack, { gateway, token, code }: FuzzTargets): Send {
  const pool = openPool(opened, gateway);
  const routes = [
    ["POST", "/api/v1/auth/mini-login"],
    ["POST", "/api/v1/auth/refresh"],
    ["PATCH", "/api/v1/users/me"],
    ["POST", "/api/v1/users/me/phone"],
    ["DELETE", "/api/v1/auth/sessions/1"],
  ] as const;
  return async (random) => {
    const [method, path] = random.pick(routes);
    const body = {
      code: code(),
      appId: "wx",
      userInfo: { nickName: "a", avatarUrl: "https://a.example/" },
      refreshToken: "x".repeat(86),
      nickname: "n",
      avatar: "",
    };
    const names = Object.keys(body).filter(() => random.chance(0.5));
    const part = Object.fromEntries(names.map((name) => [name, body[name as keyof typeof body]]));
    const bytes = random.chance(0.3)
      ? Buffer.from(random.json())
      : random.damage(Buffer.from(JSON.stringify(part)));
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const target = random.chance(0.1) ? `${path}?${encodeURIComponent(random.text())}` : path;
    await pool
      .request({ method, path: target, headers, body: method === "DELETE" ? null : bytes })
      .then(({ body: answer }) => answer.dump())
      .catch(() => {});
  };
}

/** Every RPC over Connect, as JSON and as protobuf. */
function sendConnect(opened: AsyncDisposableStack, targets: FuzzTargets): Send {
  const pool = openPool(opened, targets.connect);
  return async (random) => {
    const { path, bytes } = anyCall(random, targets);
    const isJson = random.chance(0.5);
    const type = isJson
      ? "application/json"
      : random.pick(["application/proto", "application/grpc-web"]);
    await pool
      .request({
        method: "POST",
        path,
        headers: { "content-type": type, authorization: `Bearer ${targets.token}` },
        body: isJson ? Buffer.from(random.json()) : bytes,
      })
      .then(({ body }) => body.dump())
      .catch(() => {});
  };
}

/** Every RPC over gRPC: damaged messages behind damaged prefixes. */
function sendGrpc(opened: AsyncDisposableStack, targets: FuzzTargets): Send {
  let session: ClientHttp2Session | undefined;
  opened.defer(() => session?.destroy());
  return async (random) => {
    if (!session || session.destroyed || session.closed) {
      session = connectHttp2(`http://${targets.grpc}`);
      session.on("error", () => {});
    }
    const { path, bytes } = anyCall(random, targets);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(random.chance(0.8) ? bytes.length : random.integer(2 ** 32), 1);
    prefix[0] = random.chance(0.9) ? 0 : random.integer(256);
    const stream = session.request({
      ":method": "POST",
      ":path": random.chance(0.95) ? path : `/${encodeURIComponent(random.text())}`,
      "content-type": "application/grpc+proto",
      te: "trailers",
      authorization: `Bearer ${targets.token}`,
      ...(random.chance(0.2)
        ? { "grpc-timeout": `${random.integer(10)}${random.pick([..."HMSmun?"])}` }
        : {}),
    });
    stream.on("error", () => {});
    stream.resume();
    stream.end(Buffer.concat([prefix, bytes]));
    await Promise.race([once(stream, "close").catch(() => {}), wait(2_000)]);
    stream.destroy();
  };
}

/** Bytes that may be no request at all, at every listener. */
function sendRaw(targets: FuzzTargets): Send {
  const good = [
    "POST /api/v1/auth/mini-login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\nAccept-Language: en\r\n\r\n",
    "POST /identity.v1.IdentityService/GetJwks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0000\u0004\u0000\u0000\u0000\u0000\u0000",
    "GET /readyz HTTP/1.0\r\nHost: a\r\n\r\n",
  ].map((text) => Buffer.from(text, "latin1"));
  return async (random) => {
    const { gateway, connect: web, grpc, ops } = targets;
    const target = random.pick([gateway, web, web, grpc, ops]);
    const [host, port] = target.split(":");
    const socket = connect(Number(port), host);
    socket.on("error", () => {});
    socket.resume();
    if (random.chance(0.5)) socket.write(hostileHead(random, targets));
    else socket.write(random.chance(0.2) ? random.bytes() : random.damage(random.pick(good)));
    await Promise.race([once(socket, "close").catch(() => {}), wait(RAW_WAIT_MS)]);
    socket.destroy();
  };
}

const HEADERS = [
  ...["Host", "Host", "Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Expect"],
  ...["Content-Encoding", "Accept-Language", "Authorization", "Referer", "User-Agent", "Upgrade"],
  ...["X-Forwarded-For", "Idempotency-Key", "Connect-Timeout-Ms", "Connect-Protocol-Version"],
  ...["Grpc-Timeout", "X-Request-Id", "If-Match", "Connection", "Cookie"],
];

/** A request that is well-formed but for the value of one header, or its target. */
function hostileHead(random: Random, targets: FuzzTargets): string {
  const { path } = anyCall(random, targets);
  const lookalikes = ["[", "a b", "a:99999", "919191919191", "1.2.3.4.5", "", "a/b?c", "-1", "1e9"];
  const value = random.chance(0.6) ? random.pick(lookalikes) : random.text().replace(/[\r\n]/g, "");
  const good = { Host: "a", "Content-Type": "application/json", "Content-Length": "2" };
  const headers = { ...good, [random.pick(HEADERS)]: value };
  const lines = Object.entries(headers).map(([name, text]) => `${name}: ${text}\r\n`);
  const target = random.pick([path, path, "/api/v1/auth/mini-login", `/${value}`, value]);
  return `POST ${target} HTTP/1.${random.pick([0, 1])}\r\n${lines.join("")}\r\n{}`;
}

function anyCall(random: Random, { code }: FuzzTargets): { path: string; bytes: Buffer } {
  const service = random.pick(SERVICES);
  // The token is to stay good.
  const methods = Object.values(service.method).filter(({ name }) => name !== "Logout");
  const method = random.pick(methods);
  const fields = {
    code: code(),
    refreshToken: "x",
    nickname: "n",
    sessionId: "s",
    accessToken: "a.b.c",
  };
  const known = Object.entries(fields).filter(([name]) => name in method.input.field);
  const message = create(method.input as never, Object.fromEntries(known) as never);
  const bytes = Buffer.from(toBinary(method.input as never, message as never));
  const path = `/${service.typeName}/${method.name}`;
  return { path, bytes: random.chance(0.3) ? random.bytes() : random.damage(bytes) };
}

function openPool(opened: AsyncDisposableStack, address: string): Pool {
  const pool = new Pool(`http://${address}`, { connections: CONCURRENCY, headersTimeout: 5_000 });
  return opened.adopt(pool, (it) => it.destroy());
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** Chance that comes out the same for the same seed. */
interface Random {
  integer(below: number): number;
  chance(share: number): boolean;
  pick<T>(values: readonly T[]): T;
  bytes(): Buffer;
  text(): string;
  json(): string;
  /** The same with bytes changed, left out, doubled, moved or put in. */
  damage(bytes: Buffer): Buffer;
}

function createRandom(seed: number): Random {
  const POOL = 2_000;
  const sample = <T>(arbitrary: fc.Arbitrary<T>) => fc.sample(arbitrary, { seed, numRuns: POOL });
  const pools = {
    bytes: sample(fc.uint8Array({ maxLength: 400 })),
    text: sample(fc.string({ unit: "binary", maxLength: 80 })),
    json: sample(fc.json({ maxDepth: 6 })),
  };
  let state = seed >>> 0;
  /** mulberry32. */
  const real = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number) => Math.floor(real() * below);
  const pick = <T>(values: readonly T[]) => values[integer(values.length)] as T;
  const damageOnce = (bytes: Buffer): Buffer => {
    const at = integer(bytes.length + 1);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (integer(6)) {
      case 0:
        return Buffer.concat([head, Buffer.from([integer(256)]), tail.subarray(1)]);
      case 1:
        return head;
      case 2:
        return Buffer.concat([head, tail.subarray(integer(8))]);
      case 3:
        return Buffer.concat([head, Buffer.from(pick(pools.bytes)).subarray(0, 16), tail]);
      case 4:
        return Buffer.concat([bytes, tail]);
      default:
        return Buffer.concat([tail, head]);
    }
  };
  return {
    integer,
    pick,
    chance: (share) => real() < share,
    bytes: () => Buffer.from(pick(pools.bytes)),
    text: () => pick(pools.text),
    json: () => pick(pools.json),
    damage: (bytes) => {
      let damaged = bytes;
      for (let i = integer(4); i >= 0; i--) damaged = damageOnce(damaged);
      return damaged.subarray(0, 32_768);
    },
  };
}
