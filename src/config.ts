import { readFileSync } from "node:fs";
import { isIP } from "node:net";

/** What a process is started as. */
export type Role = "all" | "identity" | "gateway" | "migrate" | "simulator";

/** Host and port to listen on; port 0 takes any free one. */
export interface Address {
  host: string;
  port: number;
}

export interface LogConfig {
  level: string;
}

export interface DatabaseConfig {
  /** `postgres://…`; holds a password, so it is never logged. */
  url: string;
  poolSize: number;
  connectTimeoutMs: number;
  /** How long a statement may wait for a connection before it is refused. */
  waitTimeoutMs: number;
  /** How long a statement may run. */
  queryTimeoutMs: number;
}

export interface RedisConfig {
  url: string;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
}

export interface MiniAppConfig {
  appId: string;
  secret: string;
  unionScope: string;
}

export interface WechatConfig {
  baseUrl: string;
  /** For one call, from the connection to the last byte. */
  timeoutMs: number;
  maxResponseBytes: number;
  connections: number;
}

/** One of MASTER_KEYS: 32 bytes. The first encrypts, all decrypt. */
export interface MasterKey {
  kid: string;
  key: Buffer;
}

export interface TokenConfig {
  issuer: string;
  accessTtlSeconds: number;
}

export interface RpcConfig {
  grpcListen: Address;
  connectListen: Address;
  /** Where the caller sets no deadline. */
  defaultTimeoutMs: number;
  /** A longer one is cut to this. */
  maxTimeoutMs: number;
  maxMessageBytes: number;
  /** At one time, of each kind: those that wait for WeChat, and the rest. */
  maxRunningCalls: number;
  /** For a place among the running ones, of each kind; a further one is refused. */
  maxWaitingCalls: number;
}

export interface IdentityConfig {
  database: DatabaseConfig;
  redis: RedisConfig;
  miniApps: MiniAppConfig[];
  wechat: WechatConfig;
  masterKeys: MasterKey[];
  tokens: TokenConfig;
  sessionKeyTtlSeconds: number;
  rpc: RpcConfig;
}

export interface GatewayConfig {
  listen: Address;
  /** A gRPC target, as `dns:///identity:50051`. */
  identityTarget: string;
  /** The deadline of one call to identity. */
  timeoutMs: number;
  maxBodyBytes: number;
}

export interface SimulatorConfig {
  listen: Address;
  miniApps: MiniAppConfig[];
}

/** A setting that is missing, does not parse, or contradicts another; never holds the value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** EX_CONFIG of sysexits.h. */
  readonly exitCode = 78;
}

/** Settings by name, `_FILE` twins already read. */
export type Env = Readonly<Partial<Record<Name, string>>>;

const NAMES = [
  "NODE_ENV",
  "DATABASE_URL",
  "REDIS_URL",
  "WX_MINI_APP_ID",
  "WX_MINI_APP_SECRET",
  "MINI_APPS_FILE",
  "WX_API_BASE_URL",
  "MASTER_KEYS",
  "TOKEN_ISSUER",
  "ACCESS_TOKEN_TTL",
  "SESSION_KEY_TTL",
  "GRPC_LISTEN",
  "CONNECT_LISTEN",
  "GATEWAY_LISTEN",
  "OPS_LISTEN",
  "IDENTITY_GRPC_TARGET",
  "SIMULATOR_LISTEN",
  "DATA_DIR",
  "LOG_LEVEL",
] as const;
export type Name = (typeof NAMES)[number];

/** Reads the environment (by default the process's own, over a `.env` file). */
export function readEnv(source: NodeJS.ProcessEnv = fromProcess()): Env {
  const env: Partial<Record<Name, string>> = {};
  for (const name of NAMES) {
    const path = name === "MINI_APPS_FILE" ? undefined : source[`${name}_FILE`];
    const value = source[name];
    if (value && path) throw new ConfigError(`${name} and ${name}_FILE are both set`);
    if (value) env[name] = value;
    else if (path) env[name] = readSetting(`${name}_FILE`, path).trim();
  }
  return env;
}

/** Names in the environment that look like a misspelling of one of ours. */
export function likelyMisspellings(source: NodeJS.ProcessEnv = process.env): string[] {
  const known = new Set<string>(NAMES.flatMap((name) => [name, `${name}_FILE`]));
  return Object.keys(source).filter(
    (name) => !known.has(name) && NAMES.some((ours) => ours.length > 6 && isNear(name, ours)),
  );
}

export function isProduction(env: Env): boolean {
  return env.NODE_ENV === "production";
}

export function dataDir(env: Env): string {
  return env.DATA_DIR ?? ".data";
}

export function toLogConfig(env: Env): LogConfig {
  const level = env.LOG_LEVEL ?? "info";
  if (!["fatal", "error", "warn", "info", "debug", "trace", "silent"].includes(level)) {
    throw new ConfigError("LOG_LEVEL is not one of fatal, error, warn, info, debug, trace, silent");
  }
  return { level };
}

export function toDatabaseConfig(env: Env): DatabaseConfig {
  return {
    url: toUrl("DATABASE_URL", required(env, "DATABASE_URL"), ["postgres:", "postgresql:"]),
    poolSize: 10,
    connectTimeoutMs: 2_000,
    // Opening a whole pool on a busy machine was seen to take more than 250 ms.
    waitTimeoutMs: 1_000,
    queryTimeoutMs: 1_500,
  };
}

export function toIdentityConfig(env: Env): IdentityConfig {
  return {
    database: toDatabaseConfig(env),
    redis: {
      url: toUrl("REDIS_URL", required(env, "REDIS_URL"), ["redis:", "rediss:"]),
      connectTimeoutMs: 500,
      commandTimeoutMs: 150,
    },
    miniApps: toMiniApps(env),
    wechat: {
      baseUrl: toWechatUrl(env),
      timeoutMs: 2_000,
      maxResponseBytes: 64 * 1024,
      connections: 64,
    },
    masterKeys: toMasterKeys(required(env, "MASTER_KEYS")),
    tokens: {
      issuer: toUrl("TOKEN_ISSUER", env.TOKEN_ISSUER ?? "http://127.0.0.1:8080", HTTP),
      accessTtlSeconds: toSeconds("ACCESS_TOKEN_TTL", env.ACCESS_TOKEN_TTL ?? "7d"),
    },
    sessionKeyTtlSeconds: toSeconds("SESSION_KEY_TTL", env.SESSION_KEY_TTL ?? "72h"),
    rpc: {
      grpcListen: toAddress("GRPC_LISTEN", env.GRPC_LISTEN ?? "127.0.0.1:50051"),
      connectListen: toAddress("CONNECT_LISTEN", env.CONNECT_LISTEN ?? "127.0.0.1:8081"),
      defaultTimeoutMs: 4_000,
      maxTimeoutMs: 10_000,
      maxMessageBytes: 16 * 1024,
      maxRunningCalls: 64,
      maxWaitingCalls: 1_024,
    },
  };
}

export function toGatewayConfig(env: Env): GatewayConfig {
  return {
    listen: toAddress("GATEWAY_LISTEN", env.GATEWAY_LISTEN ?? "127.0.0.1:8080"),
    identityTarget: env.IDENTITY_GRPC_TARGET ?? "127.0.0.1:50051",
    timeoutMs: 4_000,
    maxBodyBytes: 8 * 1024,
  };
}

export function toOpsListen(env: Env): Address {
  return toAddress("OPS_LISTEN", env.OPS_LISTEN ?? "127.0.0.1:9090");
}

export function toSimulatorConfig(env: Env): SimulatorConfig {
  if (isProduction(env)) throw new ConfigError("NODE_ENV=production refuses the simulator");
  return {
    listen: toAddress("SIMULATOR_LISTEN", env.SIMULATOR_LISTEN ?? "127.0.0.1:8070"),
    miniApps: toMiniApps(env),
  };
}

const HTTP = ["http:", "https:"];

function fromProcess(): NodeJS.ProcessEnv {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
      throw new ConfigError(".env cannot be read");
    }
  }
  return process.env;
}

function readSetting(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new ConfigError(`${name} names a file that cannot be read`);
  }
}

function required(env: Env, name: Name): string {
  const value = env[name];
  if (value) return value;
  throw new ConfigError(`${name} is missing`);
}

function toUrl(name: Name, value: string, protocols: readonly string[]): string {
  const url = URL.parse(value);
  if (!url || !protocols.includes(url.protocol)) {
    throw new ConfigError(`${name} is not a ${protocols.map((p) => `${p}//`).join(" or ")} URL`);
  }
  return value;
}

function toWechatUrl(env: Env): string {
  const value = env.WX_API_BASE_URL ?? "https://api.weixin.qq.com";
  const url = new URL(toUrl("WX_API_BASE_URL", value, HTTP));
  if (url.pathname !== "/" || url.search || url.username) {
    throw new ConfigError("WX_API_BASE_URL is an origin: no path, query or user info");
  }
  return url.origin;
}

function toAddress(name: Name, value: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || port > 65_535 || (match?.[1] && isIP(host) !== 6)) {
    throw new ConfigError(`${name} is not host:port`);
  }
  return { host, port };
}

function toSeconds(name: Name, value: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(value);
  const unit = { s: 1, m: 60, h: 3_600, d: 86_400 }[match?.[2] as "s" | "m" | "h" | "d"];
  const seconds = Number(match?.[1]) * (unit ?? Number.NaN);
  if (!(seconds > 0 && seconds <= 366 * 86_400)) {
    throw new ConfigError(`${name} is not a duration such as 30s, 15m, 2h or 7d, 366d at most`);
  }
  return seconds;
}

function toMasterKeys(value: string): MasterKey[] {
  const keys = value.split(",").map((entry) => {
    const match = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(entry.trim());
    if (!match) throw new ConfigError("MASTER_KEYS is not a list of kid:base64(32 bytes)");
    const key = Buffer.from(match[2] as string, "base64");
    if (new Set(key).size < 8) throw new ConfigError("MASTER_KEYS holds a key that is not random");
    return { kid: match[1] as string, key };
  });
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) {
    throw new ConfigError("MASTER_KEYS names one kid twice");
  }
  return keys;
}

function toMiniApps(env: Env): MiniAppConfig[] {
  const path = env.MINI_APPS_FILE;
  if (!path) {
    const app = { appId: required(env, "WX_MINI_APP_ID"), unionScope: "main" };
    return [checkedApp("WX_MINI_APP_", { ...app, secret: required(env, "WX_MINI_APP_SECRET") })];
  }
  if (env.WX_MINI_APP_ID || env.WX_MINI_APP_SECRET) {
    throw new ConfigError("MINI_APPS_FILE excludes WX_MINI_APP_ID and WX_MINI_APP_SECRET");
  }
  const apps = parseMiniApps(readSetting("MINI_APPS_FILE", path));
  if (!apps?.length) {
    throw new ConfigError('MINI_APPS_FILE does not hold {"apps":[{"appId","secret"},…]}');
  }
  if (new Set(apps.map(({ appId }) => appId)).size < apps.length) {
    throw new ConfigError("MINI_APPS_FILE names one appId twice");
  }
  return apps;
}

function parseMiniApps(text: string): MiniAppConfig[] | undefined {
  let file: { apps?: Record<string, unknown>[] };
  try {
    file = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(file?.apps)) return undefined;
  return file.apps.map((app) => {
    const secret = app.secretFile
      ? readSetting("MINI_APPS_FILE's secretFile", String(app.secretFile)).trim()
      : String(app.secret ?? "");
    const unionScope = String(app.unionScope ?? "main");
    return checkedApp("MINI_APPS_FILE: ", { appId: String(app.appId), secret, unionScope });
  });
}

function checkedApp(where: string, app: MiniAppConfig): MiniAppConfig {
  if (!/^[A-Za-z0-9_-]{4,64}$/.test(app.appId)) throw new ConfigError(`${where}ID is no app id`);
  if (!/^[A-Za-z0-9]{16,128}$/.test(app.secret) || /^(.)\1+$/.test(app.secret)) {
    throw new ConfigError(`${where}SECRET is no AppSecret (or still a placeholder)`);
  }
  return app;
}

/** One letter missing, added, changed or two swapped. */
function isNear(left: string, right: string): boolean {
  if (Math.abs(left.length - right.length) > 1) return false;
  let start = 0;
  while (start < left.length && left[start] === right[start]) start++;
  let end = 0;
  while (
    end < Math.min(left.length, right.length) - start &&
    left.at(-1 - end) === right.at(-1 - end)
  ) {
    end++;
  }
  const [a, b] = [left.slice(start, left.length - end), right.slice(start, right.length - end)];
  return (a.length <= 1 && b.length <= 1) || (a.length === 2 && a === [...b].reverse().join(""));
}
