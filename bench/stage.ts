import { existsSync } from "node:fs";
import { createDatabase } from "../test/support/database.ts";
import { forgetApp } from "../test/support/forget-app.ts";
import { type Command, runToEnd, type ServerProcess, startServer } from "./processes.ts";
import { ECHO, FLOOR, HOP, MAIN, ORIGINAL, WECHAT } from "./programs.ts";
import { createAppEnv, createAppId, createServiceEnv, FREE_PORT } from "./service-env.ts";
import type { Stores } from "./stores.ts";

/** Every server of the bench, each in a process of its own. */
export interface Stage {
  /** The bench's own mini program and database: what is theirs is nobody else's. */
  appId: string;
  database: string;
  servers: {
    wechat: ServerProcess;
    identity: ServerProcess;
    gateway: ServerProcess;
    all: ServerProcess;
    echo: ServerProcess;
    floor: ServerProcess;
    hop: ServerProcess;
    /** Undefined where its packages are not installed: `npm ci` in bench/baselines/original. */
    original: ServerProcess | undefined;
  };
}

/** Starts them on a fresh database; `opened` ends them and removes what they wrote. */
export async function startStage(
  opened: AsyncDisposableStack,
  { databaseUrl, redisUrl, redis, dir }: Stores,
  signal: AbortSignal,
): Promise<Stage> {
  const appId = createAppId();
  const database = opened.use(await createDatabase(databaseUrl));
  opened.defer(() => forgetApp(redis, appId));
  const start = async (name: string, command: Command, env: Env) =>
    opened.use(await startServer(name, command, { env, cwd: dir, signal }));

  const simulated = { ...createAppEnv(appId), SIMULATOR_LISTEN: FREE_PORT };
  const simulator = await start("simulator", [WECHAT], simulated);
  const wechat = `http://${simulator.addresses.http}`;
  const env = createServiceEnv({ appId, databaseUrl: database.url, redisUrl, wechat });
  await runToEnd([MAIN, "migrate"], { env, cwd: dir, signal });
  const identity = await start("identity", [MAIN, "identity"], env);
  const target = { IDENTITY_GRPC_TARGET: String(identity.addresses.grpc) };
  const gateway = await start("gateway", [MAIN, "gateway"], { ...env, ...target });
  const all = await start("all", [MAIN, "all"], env);
  const echo = await start("echo", [ECHO], {});
  const floor = await start("floor", [FLOOR], env);
  const hop = await start("hop", [HOP], { IDENTITY_GRPC_TARGET: String(echo.addresses.grpc) });
  const isInstalled = existsSync(new URL("node_modules", ORIGINAL));
  const original = isInstalled ? await start("original", [ORIGINAL], env) : undefined;
  const servers = { wechat: simulator, identity, gateway, all, echo, floor, hop, original };
  return { appId, database: database.name, servers };
}

type Env = Readonly<Record<string, string>>;
