import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase } from "../../../test/support/database.ts";
import { freeAddress } from "../../../test/support/free-address.ts";
import { type ServiceProcess, startProcess } from "../../../test/support/process.ts";

/** The whole service as `npm start` runs it, WeChat simulated. */
export interface Service extends AsyncDisposable {
  /** Of the gateway; the same after a stop and a start. */
  url: string;
  /** A fresh login code of this person. */
  loginCode(person: string): Promise<string>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/**
 * On a database of its own where TEST_DATABASE_URL says on which server, else on the embedded one.
 * Redis is always the embedded one: nothing of it outlives the process.
 */
export async function startService(more: Record<string, string> = {}): Promise<Service> {
  await using opened = new AsyncDisposableStack();
  const cwd = mkdtempSync(join(tmpdir(), "mini-identity-mini-"));
  // Closed, as it is made, it would have root's database somewhere else.
  chmodSync(cwd, 0o755);
  opened.defer(() => rmSync(cwd, { recursive: true, force: true }));
  const server = process.env.TEST_DATABASE_URL;
  const database = server && opened.use(await createDatabase(server)).url;
  const http = await freeAddress();
  const env: Record<string, string> = {
    GRPC_LISTEN: "127.0.0.1:0",
    CONNECT_LISTEN: "127.0.0.1:0",
    GATEWAY_LISTEN: http,
    AVATAR_BASE_URL: `http://${http}`,
    OPS_LISTEN: "127.0.0.1:0",
    SIMULATOR_LISTEN: "127.0.0.1:0",
    DATA_DIR: cwd,
    LOG_LEVEL: "info",
    ...(database ? { DATABASE_URL: database } : {}),
    ...more,
  };
  let running: ServiceProcess | undefined;
  const start = async () => {
    running = startProcess("all", { env, cwd });
    await running.ready();
  };
  const stop = async () => {
    await running?.[Symbol.asyncDispose]();
    running = undefined;
  };
  opened.defer(stop);
  await start();
  const owned = opened.move();
  const url = `http://${http}`;
  return {
    url,
    loginCode: async (person) => {
      const answer = await fetch(`${url}/demo/code?person=${encodeURIComponent(person)}`);
      return answer.text();
    },
    stop,
    start,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
