import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { inject } from "vitest";
import { createDatabase } from "../support/database.ts";
import { forgetApp } from "../support/forget-app.ts";

/** Every listener on a port of its own. */
export const ANY_PORTS = {
  GRPC_LISTEN: "127.0.0.1:0",
  CONNECT_LISTEN: "127.0.0.1:0",
  GATEWAY_LISTEN: "127.0.0.1:0",
  OPS_LISTEN: "127.0.0.1:0",
  SIMULATOR_LISTEN: "127.0.0.1:0",
} as const;

/** For a busy machine, and less than a test has. */
export const HTTP_TIMEOUT_MS = 20_000;

/** A folder to run in, without a .env; removed when disposed. */
export function createFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), "mini-identity-process-"));
  // Closed, as it is made, it would have root's database somewhere else.
  chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** What processes need around them: a folder, a database, Redis and a mini program of their own. */
export interface Surroundings extends AsyncDisposable {
  cwd: string;
  databaseUrl: string;
  appId: string;
  /** All that identity needs but WX_API_BASE_URL. */
  env: Record<string, string>;
}

/** With a database that is migrated already where `template` says so. */
export async function createSurroundings(template?: string): Promise<Surroundings> {
  await using opened = new AsyncDisposableStack();
  const cwd = opened.use(createFolder()).path;
  const { url } = opened.use(await createDatabase(inject("databaseUrl"), template));
  const appId = `wx${randomBytes(8).toString("hex")}`;
  const redis = opened.adopt(new Redis(inject("redisUrl"), { lazyConnect: true }), (it) =>
    it.disconnect(),
  );
  opened.defer(() => forgetApp(redis, appId));
  const env = {
    ...ANY_PORTS,
    DATA_DIR: cwd,
    DATABASE_URL: url,
    REDIS_URL: inject("redisUrl"),
    WX_MINI_APP_ID: appId,
    WX_MINI_APP_SECRET: randomBytes(16).toString("hex"),
    MASTER_KEYS: `test:${randomBytes(32).toString("base64")}`,
    // All tests come from one address, and count in one Redis.
    RATE_LIMIT_LOGIN: "1000000/1m",
  };
  const owned = opened.move();
  const dispose = () => owned.disposeAsync();
  return { cwd, databaseUrl: url, appId, env, [Symbol.asyncDispose]: dispose };
}

/** What the gateway says to a login. */
export interface LoginAnswer {
  status: number;
  body: { token: string; isNewUser: boolean; user: { id: number } };
}

/** Logs a person of the simulator in; both addresses as in a ready line. */
export async function login(http: string, simulator: string, person: string): Promise<LoginAnswer> {
  const code = await takeCode(simulator, person);
  const response = await fetch(`http://${http}/api/v1/auth/mini-login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
    signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
  });
  return { status: response.status, body: (await response.json()) as LoginAnswer["body"] };
}

export async function takeCode(simulator: string, person: string): Promise<string> {
  const signal = AbortSignal.timeout(HTTP_TIMEOUT_MS);
  const url = `http://${simulator}/simulator/code?person=${person}`;
  const response = await fetch(url, { signal });
  return response.text();
}

/** Whether a connection comes about. */
export async function isListening(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect(Number(port), hostname);
  const answer = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return answer;
}

/** The status of a GET; 0 where nobody listens. */
export async function statusOf(url: string): Promise<number> {
  const signal = AbortSignal.timeout(HTTP_TIMEOUT_MS);
  const response = await fetch(url, { signal }).catch(() => undefined);
  await response?.text();
  return response?.status ?? 0;
}
