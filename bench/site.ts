import { createDatabase } from "../test/support/database.ts";
import { forgetApp } from "../test/support/forget-app.ts";
import { runToEnd, type ServerProcess, startServer } from "./processes.ts";
import { MAIN, WECHAT } from "./programs.ts";
import { createAppEnv, createAppId, createServiceEnv, FREE_PORT } from "./service-env.ts";
import type { Stores } from "./stores.ts";

/** A mini program and its WeChat, for which sites are opened. */
export interface World {
  appId: string;
  wechat: ServerProcess;
  /** A fresh database with our tables. */
  openSite(): Promise<Site>;
}

export interface Site {
  database: { name: string; url: string };
  /** The settings of whatever runs on it. */
  env: Env;
  /** Starts the role on it; the world ends it. */
  start(role: "identity" | "gateway" | "all", env?: Env): Promise<ServerProcess>;
}

export type Env = Readonly<Record<string, string>>;

/** `opened` ends all of it, and removes what it wrote. */
export async function openWorld(
  opened: AsyncDisposableStack,
  { databaseUrl: serverUrl, redisUrl, redis, dir: cwd }: Stores,
  signal: AbortSignal,
): Promise<World> {
  const appId = createAppId();
  opened.defer(() => forgetApp(redis, appId));
  const simulated = { ...createAppEnv(appId), SIMULATOR_LISTEN: FREE_PORT };
  const wechat = opened.use(
    await startServer("simulator", [WECHAT], { env: simulated, cwd, signal }),
  );
  const origin = `http://${wechat.addresses.http}`;
  return {
    appId,
    wechat,
    openSite: async () => {
      const database = opened.use(await createDatabase(serverUrl));
      const env = createServiceEnv({ appId, databaseUrl: database.url, redisUrl, wechat: origin });
      await runToEnd([MAIN, "migrate"], { env, cwd, signal });
      return {
        database,
        env,
        start: async (role, more = {}) =>
          opened.use(
            await startServer(role, [MAIN, role], { env: { ...env, ...more }, cwd, signal }),
          ),
      };
    },
  };
}
