import postgres from "postgres";
import { type Command, runToEnd, type ServerProcess, startServer } from "../bench/processes.ts";
import { MAIN, WECHAT } from "../bench/programs.ts";
import { createAppEnv, createAppId, createServiceEnv, FREE_PORT } from "../bench/service-env.ts";
import type { Stores } from "../bench/stores.ts";
import { createDatabase } from "../test/support/database.ts";
import { type FaultProxy, startFaultProxy } from "../test/support/fault-proxy.ts";
import { forgetApp } from "../test/support/forget-app.ts";
import { freeAddress } from "../test/support/free-address.ts";

/** One gateway before two identities, with a database, a WeChat and a way to Redis of their own. */
export interface Stage {
  sql: postgres.Sql;
  /** Between the processes and Redis. */
  redisProxy: FaultProxy;
  /** Forgets all that identity keeps in Redis. */
  emptyRedis(): Promise<void>;
  /** Origins. */
  wechat: string;
  gateway: string;
  processes: { gateway: ServerProcess; identities: readonly ServerProcess[] };
  /** Ends an identity by SIGTERM, and starts another one on its port. */
  replaceIdentity(index: 0 | 1): Promise<void>;
}

/** Starts it on a fresh database; `opened` ends it and removes what it wrote. */
export async function startStage(
  opened: AsyncDisposableStack,
  { databaseUrl, redisUrl, redis, dir: cwd }: Stores,
  signal: AbortSignal,
): Promise<Stage> {
  const appId = createAppId();
  const database = opened.use(await createDatabase(databaseUrl));
  const emptyRedis = () => forgetApp(redis, appId);
  opened.defer(emptyRedis);
  const redisProxy = opened.use(await startFaultProxy(redisUrl));
  const simulated = { ...createAppEnv(appId), SIMULATOR_LISTEN: FREE_PORT };
  const simulator = await startServer("simulator", [WECHAT], { env: simulated, cwd, signal });
  const wechat = `http://${opened.use(simulator).addresses.http}`;
  const env = createServiceEnv({
    appId,
    databaseUrl: database.url,
    redisUrl: redisProxy.url,
    wechat,
  });
  const start = (role: string, more: Record<string, string>) => {
    const command: Command = [MAIN, role];
    return startServer(role, command, { env: { ...env, ...more }, cwd, signal });
  };
  await runToEnd([MAIN, "migrate"], { env, cwd, signal });
  const listens = [await freeAddress(), await freeAddress()] as const;
  const identities: ServerProcess[] = [];
  // Whoever stands there at the end.
  opened.defer(async () => void (await Promise.all(identities.map(stop))));
  const startIdentity = async (index: 0 | 1) => {
    identities[index] = await start("identity", { GRPC_LISTEN: listens[index] });
  };
  await startIdentity(0);
  await startIdentity(1);
  const gateway = opened.use(
    await start("gateway", { IDENTITY_GRPC_TARGET: `ipv4:${listens.join(",")}` }),
  );
  const sql = postgres(database.url, { max: 1, onnotice: () => {} });
  opened.defer(() => sql.end({ timeout: 1 }));
  return {
    sql,
    redisProxy,
    emptyRedis,
    wechat,
    gateway: `http://${gateway.addresses.http}`,
    processes: { gateway, identities },
    replaceIdentity: async (index) => {
      await stop(identities[index] as ServerProcess);
      await startIdentity(index);
    },
  };
}

const stop = (server: ServerProcess) => server[Symbol.asyncDispose]();
