import { randomBytes } from "node:crypto";
import { createDatabase } from "../test/support/database.ts";
import { type Command, runToEnd, type ServerProcess, startServer } from "./processes.ts";
import type { Stores } from "./stores.ts";

/** Every server of the bench, each in a process of its own. */
export interface Stage {
  /** The bench's own mini program and database: what is theirs is nobody else's. */
  appId: string;
  database: string;
  wechat: ServerProcess;
  echo: ServerProcess;
  identity: ServerProcess;
  gateway: ServerProcess;
  all: ServerProcess;
}

/** Starts them on a fresh database; `opened` ends them and removes what they wrote. */
export async function startStage(
  opened: AsyncDisposableStack,
  { databaseUrl, redisUrl, redis, dir }: Stores,
  signal: AbortSignal,
): Promise<Stage> {
  const appId = `wx${randomBytes(8).toString("hex")}`;
  const app = { WX_MINI_APP_ID: appId, WX_MINI_APP_SECRET: randomBytes(16).toString("hex") };
  const database = opened.use(await createDatabase(databaseUrl));
  opened.defer(async () => {
    const match = `identity:session_key:${appId}:*`;
    for await (const keys of redis.scanStream({ match, count: 1_000 })) {
      if (keys.length > 0) await redis.del(keys);
    }
  });
  const start = async (name: string, command: Command, env: Env) =>
    opened.use(await startServer(name, command, { env, cwd: dir, signal }));

  const wechat = await start("simulator", [WECHAT], { ...app, SIMULATOR_LISTEN: FREE_PORT });
  const env = {
    ...app,
    // So that nothing is embedded and nothing is looked for on the disk.
    NODE_ENV: "production",
    DATABASE_URL: database.url,
    REDIS_URL: redisUrl,
    WX_API_BASE_URL: `http://${wechat.addresses.http}`,
    // All of the load comes from one address.
    RATE_LIMIT_LOGIN: "100000000/1m",
    TRUSTED_PROXIES: "127.0.0.1",
    MASTER_KEYS: `bench:${randomBytes(32).toString("base64")}`,
    GRPC_LISTEN: FREE_PORT,
    CONNECT_LISTEN: FREE_PORT,
    GATEWAY_LISTEN: FREE_PORT,
    OPS_LISTEN: FREE_PORT,
  };
  await runToEnd([MAIN, "migrate"], { env, cwd: dir, signal });
  const identity = await start("identity", [MAIN, "identity"], env);
  const target = { IDENTITY_GRPC_TARGET: String(identity.addresses.grpc) };
  const gateway = await start("gateway", [MAIN, "gateway"], { ...env, ...target });
  const all = await start("all", [MAIN, "all"], env);
  const echo = await start("echo", [ECHO], {});
  return { appId, database: database.name, wechat, echo, identity, gateway, all };
}

type Env = Readonly<Record<string, string>>;

const MAIN = new URL("../src/main.ts", import.meta.url);
const ECHO = new URL("./echo-server.ts", import.meta.url);
const WECHAT = new URL("./wechat-server.ts", import.meta.url);

const FREE_PORT = "127.0.0.1:0";
