import { createHash, randomBytes } from "node:crypto";

/** Of the service that verifies tokens. */
export const CALLER_SECRET = randomBytes(32).toString("hex");

/** What the system finds free. */
export const FREE_PORT = "127.0.0.1:0";

export interface ServiceEnvOptions {
  appId: string;
  databaseUrl: string;
  redisUrl: string;
  /** The origin of what stands in for WeChat. */
  wechat: string;
}

/** The settings of every process of ours, with a master key of their own. */
export function createServiceEnv({ appId, databaseUrl, redisUrl, wechat }: ServiceEnvOptions) {
  return {
    ...createAppEnv(appId),
    // So that nothing is embedded, nothing is looked for on the disk, and a process leaves as in service.
    NODE_ENV: "production",
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    WX_API_BASE_URL: wechat,
    // All of the load comes from one address.
    RATE_LIMIT_LOGIN: "100000000/1m",
    TRUSTED_PROXIES: "127.0.0.1",
    MASTER_KEYS: `bench:${randomBytes(32).toString("base64")}`,
    RPC_CALLERS: `bench:${createHash("sha256").update(CALLER_SECRET).digest("hex")}:directory`,
    GRPC_LISTEN: FREE_PORT,
    CONNECT_LISTEN: FREE_PORT,
    GATEWAY_LISTEN: FREE_PORT,
    OPS_LISTEN: FREE_PORT,
  };
}

/** A mini program's credentials; the secret is the app id's, so that the simulator has the same. */
export function createAppEnv(appId: string) {
  return { WX_MINI_APP_ID: appId, WX_MINI_APP_SECRET: appId.slice(2).repeat(2) };
}

/** The app id of a mini program that nobody else uses. */
export function createAppId(): string {
  return `wx${randomBytes(8).toString("hex")}`;
}
