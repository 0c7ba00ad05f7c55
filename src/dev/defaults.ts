import { dataDir, type Env } from "../config.ts";
import { developmentMasterKeys } from "./master-key.ts";

/** The simulator's only mini program. Public, and worthless anywhere else. */
const SIMULATED_APP = {
  WX_MINI_APP_ID: "wx0123456789abcdef",
  WX_MINI_APP_SECRET: "7c1f0d9e5b3a48268e4df1a2b6c09573",
} as const;

/** Whether a mini program is configured, be it only by half. */
export function hasMiniApp(env: Env): boolean {
  return Boolean(env.WX_MINI_APP_ID ?? env.WX_MINI_APP_SECRET ?? env.MINI_APPS_FILE);
}

/** The simulator's mini program where none is configured. */
export function withMiniApp(env: Env): Env {
  return hasMiniApp(env) ? env : { ...env, ...SIMULATED_APP };
}

/** What identity can do without outside production: a mini program, WeChat, and master keys. */
export function withDevelopmentDefaults(env: Env): Env {
  const simulator = `http://${env.SIMULATOR_LISTEN ?? "127.0.0.1:8070"}`;
  return {
    ...(hasMiniApp(env) ? {} : { WX_API_BASE_URL: simulator }),
    ...withMiniApp(env),
    MASTER_KEYS: env.MASTER_KEYS ?? developmentMasterKeys(dataDir(env)),
  };
}
