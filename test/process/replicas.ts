import { inject } from "vitest";
import {
  type AdminClient,
  createAdminClient,
  createDirectoryClient,
  createIdentityClient,
  type DirectoryClient,
  type IdentityClient,
} from "../../src/client.ts";
import { toSimulatorConfig } from "../../src/config.ts";
import { startWechatSimulator, type WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { ADMIN, ADMIN_SECRET, CALLER, CALLER_SECRET } from "../support/service.ts";
import { createSurroundings, type Surroundings } from "./surroundings.ts";

/** One identity process, and how to call it. */
export interface Replica extends AsyncDisposable {
  process: ServiceProcess;
  grpc: IdentityClient;
  /** With the secret of a caller that has the scope `directory`. */
  directory: DirectoryClient;
  /** With the secret of a caller that has the scope `admin`. */
  admin: AdminClient;
}

/** Identity processes over one database, one Redis and one WeChat, which counts. */
export interface Replicas extends AsyncDisposable {
  around: Surroundings;
  simulator: WechatSimulator;
  replicas: [Replica, ...Replica[]];
  /** One more, with these settings over the others. */
  start(env?: Record<string, string>): Promise<Replica>;
}

export async function startReplicas(
  count: number,
  env: Record<string, string> = {},
): Promise<Replicas> {
  await using opened = new AsyncDisposableStack();
  const around = opened.use(await createSurroundings(inject("template")));
  const simulator = opened.use(await startWechatSimulator(toSimulatorConfig(around.env)));
  const full = {
    ...around.env,
    RPC_CALLERS: `${CALLER},${ADMIN}`,
    WX_API_BASE_URL: simulator.url,
    LOG_LEVEL: "info",
    ...env,
  };
  const start = async () => opened.use(await startReplica(full, around.cwd));
  const replicas = await Promise.all(Array.from({ length: count }, start));
  const owned = opened.move();
  return {
    around,
    simulator,
    replicas: replicas as [Replica, ...Replica[]],
    start: async (more = {}) => owned.use(await startReplica({ ...full, ...more }, around.cwd)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startReplica(env: Record<string, string>, cwd: string): Promise<Replica> {
  await using opened = new AsyncDisposableStack();
  const process = opened.use(startProcess("identity", { env, cwd }));
  const { grpc: target = "" } = await process.ready();
  const settings = { target, timeoutMs: 30_000 };
  const grpc = opened.adopt(createIdentityClient(settings), (it) => it.close());
  const asCaller = { ...settings, secret: CALLER_SECRET };
  const directory = opened.adopt(createDirectoryClient(asCaller), (it) => it.close());
  const asAdmin = { ...settings, secret: ADMIN_SECRET };
  const admin = opened.adopt(createAdminClient(asAdmin), (it) => it.close());
  const owned = opened.move();
  const dispose = () => owned.disposeAsync();
  return { process, grpc, directory, admin, [Symbol.asyncDispose]: dispose };
}
