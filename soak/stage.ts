import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { type Command, runToEnd, type ServerProcess, startServer } from "../bench/processes.ts";
import type { Stores } from "../bench/stores.ts";
import { createDatabase } from "../test/support/database.ts";
import { type FaultProxy, startFaultProxy } from "../test/support/fault-proxy.ts";
import { freeAddress } from "../test/support/free-address.ts";

const MAIN = new URL("../src/main.ts", import.meta.url);
const WECHAT = new URL("../bench/wechat-server.ts", import.meta.url);
const FREE_PORT = "127.0.0.1:0";

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
  processes: { gateway: ServerProcess; identities: [ServerProcess, ServerProcess] };
  /** Ends an identity by SIGTERM, and starts another one on its port. */
  replaceIdentity(index: 0 | 1): Promise<void>;
}

/** Starts it on a fresh database; `opened` ends it and removes what it wrote. */
export async function startStage(
  opened: AsyncDisposableStack,
  { databaseUrl, redisUrl, redis, dir: cwd }: Stores,
  signal: AbortSignal,
): Promise<Stage> {
  const appId = `wx${randomBytes(8).toString("hex")}`;
  const app = { WX_MINI_APP_ID: appId, WX_MINI_APP_SECRET: randomBytes(16).toString("hex") };
  const database = opened.use(await createDatabase(databaseUrl));
  const emptyRedis = async () => {
    for await (const keys of redis.scanStream({ match: `identity:*${appId}*`, count: 1_000 })) {
      if (keys.length > 0) await redis.del(keys);
    }
  };
  opened.defer(emptyRedis);
  const redisProxy = opened.use(await startFaultProxy(redisUrl));
  const simulated = { ...app, SIMULATOR_LISTEN: FREE_PORT };
  const simulator = await startServer("simulator", [WECHAT], { env: simulated, cwd, signal });
  const wechat = `http://${opened.use(simulator).addresses.http}`;
  const env = {
    ...app,
    // So that nothing is embedded, and a process leaves as it does in service.
    NODE_ENV: "production",
    DATABASE_URL: database.url,
    REDIS_URL: redisProxy.url,
    WX_API_BASE_URL: wechat,
    // All people come from one address.
    RATE_LIMIT_LOGIN: "100000000/1m",
    MASTER_KEYS: `soak:${randomBytes(32).toString("base64")}`,
    CONNECT_LISTEN: FREE_PORT,
    GATEWAY_LISTEN: FREE_PORT,
    OPS_LISTEN: FREE_PORT,
  };
  const start = (role: string, more: Record<string, string>) => {
    const command: Command = [MAIN, role];
    return startServer(role, command, { env: { ...env, ...more }, cwd, signal });
  };
  await runToEnd([MAIN, "migrate"], { env, cwd, signal });
  const listens = [await freeAddress(), await freeAddress()] as const;
  const startIdentity = (index: 0 | 1) => start("identity", { GRPC_LISTEN: listens[index] });
  const first = await startIdentity(0);
  const identities: [ServerProcess, ServerProcess] = [first, opened.use(await startIdentity(1))];
  // Whoever stands there at the end.
  opened.defer(async () => identities[0][Symbol.asyncDispose]());
  opened.defer(async () => identities[1][Symbol.asyncDispose]());
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
      await identities[index][Symbol.asyncDispose]();
      identities[index] = await startIdentity(index);
    },
  };
}
