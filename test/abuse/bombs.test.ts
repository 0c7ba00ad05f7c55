import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Replicas, startReplicas } from "../process/replicas.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";

const MIB = 1024 * 1024;
const GROWTH_LIMIT_BYTES = 20 * MIB;

/** At one time; a defence that inflates one and then refuses it has held them all. */
const BOMBS = 10;

/** 14 KiB, which is let in, of 14 MiB. */
const BOMB = gzipSync(Buffer.alloc(14 * MIB, " "));
const DEEP = "[".repeat(7_000) + "]".repeat(7_000);

let opened: AsyncDisposableStack;
let service: Replicas;
let gateway: ServiceProcess;
let at: { grpc: string; connect: string; http: string };
beforeAll(async () => {
  await using stack = new AsyncDisposableStack();
  service = stack.use(await startReplicas(1));
  const { grpc = "", connect = "" } = await service.replicas[0].process.ready();
  const { env, cwd } = service.around;
  gateway = stack.use(
    startProcess("gateway", { env: { ...env, IDENTITY_GRPC_TARGET: grpc }, cwd }),
  );
  at = { grpc, connect, http: (await gateway.ready()).http ?? "" };
  opened = stack.move();
});
afterAll(() => opened?.disposeAsync());

const login = () => service.replicas[0].grpc.miniLogin({ code: service.simulator.issueCode("a") });

/** Forgets the most memory that the processes have had; the returned tells by how much it has grown. */
async function watchMemory(): Promise<() => Promise<number[]>> {
  const pids = [service.replicas[0].process.pid, gateway.pid];
  const read = (name: string) =>
    Promise.all(
      pids.map(async (pid) => {
        const status = await readFile(`/proc/${pid}/status`, "utf8");
        return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
      }),
    );
  for (const pid of pids) await writeFile(`/proc/${pid}/clear_refs`, "5");
  const before = await read("VmRSS");
  return async () => (await read("VmHWM")).map((bytes, i) => bytes - (before[i] ?? 0));
}

async function post(origin: string, headers: Record<string, string>, body: Buffer | string) {
  const path =
    origin === at.http ? "/api/v1/auth/mini-login" : "/identity.v1.IdentityService/MiniLogin";
  const response = await fetch(`http://${origin}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  await response.arrayBuffer();
  return response.status;
}

/** The status in the trailers, or in the headers of a call that is refused at once. */
async function callGrpc(session: ClientHttp2Session, frame: Buffer, encoding = "identity") {
  const stream = session.request({
    ":method": "POST",
    ":path": "/identity.v1.IdentityService/MiniLogin",
    "content-type": "application/grpc",
    "grpc-encoding": encoding,
    te: "trailers",
  });
  let status: unknown;
  const note = (headers: Record<string, unknown>) => {
    status = headers["grpc-status"] ?? status;
  };
  stream.on("response", note).on("trailers", note);
  stream.end(frame);
  await buffer(stream);
  return Number(status);
}

function frameOf(flag: number, length: number, message: Buffer): Buffer {
  const head = Buffer.alloc(5, flag);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** A connection of its own. */
async function openSession(): Promise<ClientHttp2Session & AsyncDisposable> {
  const session = connect(`http://${at.grpc}`);
  session.on("error", () => {});
  await once(session, "connect");
  return Object.assign(session, { [Symbol.asyncDispose]: async () => session.destroy() });
}

const many = <T>(work: () => Promise<T>) =>
  Promise.all(Array.from({ length: BOMBS }, work)).then((all) => [...new Set(all)]);

/** Every bomb at every listener; what came of it. */
async function explode(bomb: Buffer, deep: string) {
  await using session = await openSession();
  const gzip = { "content-encoding": "gzip" };
  return {
    "gzip over gRPC": await many(() => callGrpc(session, frameOf(1, bomb.length, bomb), "gzip")),
    "a length over gRPC": await many(() => callGrpc(session, frameOf(0, 0xff_ff_ff_ff, bomb))),
    "gzip over Connect": await many(() => post(at.connect, gzip, bomb)),
    "nesting over Connect": await many(() => post(at.connect, {}, deep)),
    "size over Connect": await many(() => post(at.connect, {}, " ".repeat(64 * 1024))),
    "gzip at the gateway": await many(() => post(at.http, gzip, bomb)),
    "nesting at the gateway": await many(() => post(at.http, {}, deep.slice(4_000, -4_000))),
    "size at the gateway": await many(() => post(at.http, {}, " ".repeat(64 * 1024))),
  };
}

it("size, gzip and nesting bombs: refused, and memory grows by under 20 MB", {
  timeout: 60_000,
}, async () => {
  // What grows at first is compiled code, and the heap to the size that such a load wants.
  const dud = gzipSync(randomBytes(14 * 1024));
  for (let round = 0; round < 20; round++) await explode(dud, "[]".repeat(7_000));
  const growth = await watchMemory();
  expect(await explode(BOMB, DEEP)).toEqual({
    "gzip over gRPC": [8],
    "a length over gRPC": [8],
    "gzip over Connect": [429],
    "nesting over Connect": [400],
    "size over Connect": [429],
    "gzip at the gateway": [415],
    "nesting at the gateway": [400],
    "size at the gateway": [413],
  });
  for (const bytes of await growth()) expect(bytes).toBeLessThan(GROWTH_LIMIT_BYTES);
  expect((await login()).isNewUser).toBe(true);
});

it("rapid reset: whoever opens streams only to end them loses the connection, and nobody else notices", {
  timeout: 60_000,
}, async () => {
  await login();
  await using session = await openSession();
  const closed = new Promise((resolve) => session.once("close", resolve));
  let opened = 0;
  while (opened < 20_000 && !session.destroyed) {
    const stream = session.request({ ":method": "POST", ":path": "/x" }).on("error", () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (++opened % 100 === 0) await new Promise(setImmediate);
  }
  expect(opened).toBeLessThan(20_000);
  await closed;
  expect((await login()).isNewUser).toBe(false);
});
