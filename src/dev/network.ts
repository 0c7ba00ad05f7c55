import { join, resolve } from "node:path";
import { dataDir, type Env, toSimulatorConfig } from "../config.ts";
import { hasMiniApp, withDevelopmentDefaults, withMiniApp } from "./defaults.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import { startEmbeddedRedis } from "./embedded-redis.ts";
import { startWechatSimulator, type WechatSimulator } from "./wechat-simulator.ts";

/** One thing the service needs, for the list shown at start. */
export interface NetworkPart {
  name: string;
  /** Never holds a password. */
  where: string;
  kind: "embedded" | "configured";
}

/** All that the service needs around it. */
export interface Network extends AsyncDisposable {
  /** The given one, with what was missing filled in. */
  env: Env;
  parts: NetworkPart[];
  /** Where no real mini program is configured. */
  simulator?: WechatSimulator;
  close(): Promise<void>;
}

export interface NetworkOptions {
  /** See EmbeddedPostgresOptions. */
  durable?: boolean;
  /** The simulator's clock. */
  now?: () => number;
}

/** Starts what is not configured: PostgreSQL, Redis, WeChat; and makes master keys. */
export async function startNetwork(env: Env, options: NetworkOptions = {}): Promise<Network> {
  await using opened = new AsyncDisposableStack();
  const parts: NetworkPart[] = [];
  const filled: { -readonly [Name in keyof Env]: Env[Name] } = { ...env };
  const dir = resolve(dataDir(env));

  if (env.DATABASE_URL) parts.push(configured("PostgreSQL", env.DATABASE_URL));
  else {
    const { durable = true } = options;
    const postgres = await startEmbeddedPostgres(join(dir, "postgres"), { durable });
    opened.defer(() => postgres.close());
    filled.DATABASE_URL = postgres.url;
    const where = `${withoutSecrets(postgres.url)}, ${postgres.note ?? postgres.clusterDir}`;
    parts.push({ name: "PostgreSQL", where, kind: "embedded" });
  }

  if (env.REDIS_URL) parts.push(configured("Redis", env.REDIS_URL));
  else {
    const redis = await startEmbeddedRedis();
    opened.defer(() => redis.close());
    filled.REDIS_URL = redis.url;
    parts.push({ name: "Redis", where: `${redis.url}, in memory`, kind: "embedded" });
  }

  let simulator: WechatSimulator | undefined;
  if (hasMiniApp(env) || env.WX_API_BASE_URL) {
    parts.push(configured("WeChat", env.WX_API_BASE_URL ?? "https://api.weixin.qq.com"));
  } else {
    const { now = Date.now } = options;
    simulator = opened.use(
      await startWechatSimulator(toSimulatorConfig(withMiniApp(env)), { now }),
    );
    filled.WX_API_BASE_URL = simulator.url;
    parts.push({ name: "WeChat", where: `${simulator.url}, simulated`, kind: "embedded" });
  }

  const owned = opened.move();
  const close = () => owned.disposeAsync();
  const base = { env: withDevelopmentDefaults(filled), parts, close, [Symbol.asyncDispose]: close };
  return simulator ? { ...base, simulator } : base;
}

function configured(name: string, url: string): NetworkPart {
  return { name, where: withoutSecrets(url), kind: "configured" };
}

function withoutSecrets(value: string): string {
  const url = URL.parse(value);
  // What does not parse is refused, without being quoted, once it is used.
  return url ? `${url.protocol}//${url.host}${url.pathname}` : "(not a URL)";
}
