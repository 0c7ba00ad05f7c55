import ipaddr from "ipaddr.js";
import {
  type Address,
  dataDir,
  type Env,
  type RedisConfig,
  toRedisConfig,
  toWorkerCount,
} from "./config.ts";
import { type AvatarConfig, toAvatarConfig } from "./config-avatars.ts";
import { ConfigError, toAddress, toGrpcTarget, toSeconds } from "./config-values.ts";

/** So many in each window. */
export interface RateLimitConfig {
  count: number;
  windowSeconds: number;
}

export interface GatewayConfig {
  listen: Address;
  /** A gRPC target, as `dns:///identity:50051`. */
  identityTarget: string;
  /** To each address of the target: as many as there are WORKERS behind it. */
  identityConnections: number;
  /** The deadline of one call to identity. */
  timeoutMs: number;
  maxBodyBytes: number;
  /** CIDRs of those whose X-Forwarded-For is believed. */
  trustedProxies: readonly string[];
  /** Logins of one client address. */
  loginLimit: RateLimitConfig;
  /** Where the gateways count together; without it each counts for itself. */
  redis: RedisConfig | undefined;
  avatars: AvatarConfig;
}

export function toGatewayConfig(env: Env): GatewayConfig {
  return {
    listen: toAddress("GATEWAY_LISTEN", env.GATEWAY_LISTEN ?? "127.0.0.1:8080"),
    identityTarget: toGrpcTarget(env.IDENTITY_GRPC_TARGET ?? "127.0.0.1:50051"),
    identityConnections: toWorkerCount(env),
    timeoutMs: 4_000,
    maxBodyBytes: 8 * 1024,
    trustedProxies: env.TRUSTED_PROXIES ? toTrustedProxies(env.TRUSTED_PROXIES) : [],
    loginLimit: toRateLimit("RATE_LIMIT_LOGIN", env.RATE_LIMIT_LOGIN ?? "300/1m"),
    redis: env.REDIS_URL ? toRedisConfig(env.REDIS_URL) : undefined,
    avatars: toAvatarConfig(env, dataDir(env)),
  };
}

/** The largest private network, 10.0.0.0/8, is as short as that; so is fd00::/8. */
const MIN_PROXY_BITS = 8;

/** To believe everybody is to let every client choose its own address. */
function toTrustedProxies(value: string): string[] {
  return value.split(",").map((entry) => {
    const text = entry.trim();
    const cidr = text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`;
    if (!ipaddr.isValidCIDR(cidr)) throw new ConfigError("TRUSTED_PROXIES is not a list of CIDRs");
    if (ipaddr.parseCIDR(cidr)[1] < MIN_PROXY_BITS) {
      throw new ConfigError("TRUSTED_PROXIES trusts everybody, or a good part of the internet");
    }
    return cidr;
  });
}

/** `300/1m`. */
function toRateLimit(name: "RATE_LIMIT_LOGIN", value: string): RateLimitConfig {
  const [count = "", window = "", ...more] = value.split("/");
  if (!/^[1-9]\d{0,8}$/.test(count) || more.length > 0) {
    throw new ConfigError(`${name} is not a count and a duration, as 300/1m`);
  }
  return { count: Number(count), windowSeconds: toSeconds(name, window) };
}
