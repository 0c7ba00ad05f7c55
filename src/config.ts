import { AVATAR_NAMES, toAvatarBaseUrl } from "./config-avatars.ts";
import { toMiniApps } from "./config-mini-apps.ts";
import { type RedisServers, toRedisServers } from "./config-redis.ts";
import {
  ConfigError,
  isNear,
  isOn,
  readSetting,
  required,
  toAddress,
  toCallers,
  toDatabaseUrl,
  toMasterKeys,
  toOrigin,
  toSeconds,
  toUrl,
  toWorkers,
} from "./config-values.ts";

/** What a process is started as. */
export type Role = "all" | "identity" | "gateway" | "migrate" | "simulator" | "cli";

/** Host and port to listen on; port 0 takes any free one. */
export interface Address {
  host: string;
  port: number;
}

export interface LogConfig {
  level: string;
}

/** Where spans are sent: OTLP over HTTP. */
export interface TracingConfig {
  url: string;
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
  servers: RedisServers;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
}

export interface MiniAppConfig {
  appId: string;
  /** Two while one is being replaced, the newer one last. */
  secrets: readonly string[];
  unionScope: string;
  /** How many codes are exchanged in a minute at most; undefined where WeChat decides. */
  loginsPerMinute?: number | undefined;
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

/** What a caller of RPC_CALLERS may do. */
export type Scope = "directory" | "admin";

/** A service that may call us; of its secret only the SHA-256 is configured. */
export interface CallerConfig {
  name: string;
  secretHash: Buffer;
  scopes: readonly Scope[];
}

export interface TokenConfig {
  issuer: string;
  accessTtlSeconds: number;
  /** How long a login lives, whatever is done with it. */
  refreshTtlSeconds: number;
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
  /** Between the wish to be erased and the erasure. */
  deletionGraceSeconds: number;
  callers: CallerConfig[];
  rpc: RpcConfig;
  /** Of uploaded avatars: the one http address, and private host, that is accepted. */
  avatarBaseUrl: string;
  /** Whether WeChat is asked about nicknames and avatars. */
  checksContent: boolean;
}

export interface SimulatorConfig {
  listen: Address;
  miniApps: MiniAppConfig[];
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
  "WX_CONTENT_CHECK",
  "MASTER_KEYS",
  "TOKEN_ISSUER",
  "ACCESS_TOKEN_TTL",
  "REFRESH_TOKEN_TTL",
  "SESSION_KEY_TTL",
  "ACCOUNT_DELETION_GRACE",
  "RPC_CALLERS",
  "GRPC_LISTEN",
  "CONNECT_LISTEN",
  "GATEWAY_LISTEN",
  "OPS_LISTEN",
  "IDENTITY_GRPC_TARGET",
  "TRUSTED_PROXIES",
  "RATE_LIMIT_LOGIN",
  "SIMULATOR_LISTEN",
  "WORKERS",
  "DATA_DIR",
  ...AVATAR_NAMES,
  "LOG_LEVEL",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
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

/** Undefined where nobody wants spans. As OpenTelemetry has it, the setting is the base of the path. */
export function toTracingConfig(env: Env): TracingConfig | undefined {
  const name = "OTEL_EXPORTER_OTLP_ENDPOINT";
  const value = env[name];
  return value ? { url: `${toUrl(name, value, HTTP).replace(/\/+$/, "")}/v1/traces` } : undefined;
}

export function toDatabaseConfig(env: Env): DatabaseConfig {
  return {
    url: toDatabaseUrl(required(env, "DATABASE_URL")),
    poolSize: 10,
    connectTimeoutMs: 2_000,
    // Opening a whole pool on a busy machine was seen to take more than 250 ms.
    // With 250 ms, 10,000 first logins at once in three processes on two cores saw 9 and 22 refused; so, none.
    waitTimeoutMs: 1_000,
    queryTimeoutMs: 1_500,
  };
}

export function toRedisConfig(value: string): RedisConfig {
  return { servers: toRedisServers(value), connectTimeoutMs: 500, commandTimeoutMs: 150 };
}

export function toMasterKeyConfig(env: Env): MasterKey[] {
  return toMasterKeys(required(env, "MASTER_KEYS"));
}

export function toIdentityConfig(env: Env): IdentityConfig {
  return {
    database: toDatabaseConfig(env),
    redis: toRedisConfig(required(env, "REDIS_URL")),
    miniApps: toMiniApps(env),
    wechat: {
      baseUrl: toOrigin("WX_API_BASE_URL", env.WX_API_BASE_URL ?? "https://api.weixin.qq.com"),
      timeoutMs: 2_000,
      maxResponseBytes: 64 * 1024,
      connections: 64,
    },
    masterKeys: toMasterKeyConfig(env),
    tokens: toTokenConfig(env),
    sessionKeyTtlSeconds: toSeconds("SESSION_KEY_TTL", env.SESSION_KEY_TTL ?? "72h"),
    deletionGraceSeconds: toSeconds("ACCOUNT_DELETION_GRACE", env.ACCOUNT_DELETION_GRACE ?? "7d"),
    callers: env.RPC_CALLERS ? toCallers(env.RPC_CALLERS) : [],
    rpc: {
      grpcListen: toAddress("GRPC_LISTEN", env.GRPC_LISTEN ?? "127.0.0.1:50051"),
      connectListen: toAddress("CONNECT_LISTEN", env.CONNECT_LISTEN ?? "127.0.0.1:8081"),
      defaultTimeoutMs: 4_000,
      maxTimeoutMs: 10_000,
      maxMessageBytes: 16 * 1024,
      maxRunningCalls: 64,
      maxWaitingCalls: 1_024,
    },
    avatarBaseUrl: toAvatarBaseUrl(env),
    checksContent: isOn("WX_CONTENT_CHECK", env.WX_CONTENT_CHECK),
  };
}

/** How many processes identity is on this machine. */
export function toWorkerCount(env: Env): number {
  return toWorkers(env.WORKERS ?? "1");
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

function toTokenConfig(env: Env): TokenConfig {
  const accessTtlSeconds = toSeconds("ACCESS_TOKEN_TTL", env.ACCESS_TOKEN_TTL ?? "2h");
  const refreshTtlSeconds = toSeconds("REFRESH_TOKEN_TTL", env.REFRESH_TOKEN_TTL ?? "30d");
  if (accessTtlSeconds > refreshTtlSeconds) {
    throw new ConfigError("ACCESS_TOKEN_TTL is longer than REFRESH_TOKEN_TTL");
  }
  const issuer = toUrl("TOKEN_ISSUER", env.TOKEN_ISSUER ?? "http://127.0.0.1:8080", HTTP);
  return { issuer, accessTtlSeconds, refreshTtlSeconds };
}
