import { join } from "node:path";
import type { Env } from "./config.ts";
import { ConfigError, required, toOrigin, toUrl } from "./config-values.ts";

/** Any store of the S3 protocol. */
export interface S3Config {
  /** Its origin; a host that begins with the bucket's name is asked in the virtual-hosted style. */
  endpoint: string;
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface AvatarConfig {
  /** What the public addresses of uploaded avatars begin with; ends with no slash. */
  baseUrl: string;
  /** Where they lie without an S3 store. */
  dir: string;
  s3: S3Config | undefined;
  /** Of an uploaded image. */
  maxBytes: number;
  /** Uploads of one person. */
  limit: { count: number; windowSeconds: number };
}

export function toAvatarConfig(env: Env, dataDir: string): AvatarConfig {
  return {
    baseUrl: toAvatarBaseUrl(env),
    dir: join(dataDir, "avatars"),
    s3: toS3Config(env),
    maxBytes: 2 * 1024 * 1024,
    limit: { count: 30, windowSeconds: 3_600 },
  };
}

/** Gateway and identity read the same: what the one gives out, the other accepts. */
export function toAvatarBaseUrl(env: Env): string {
  const name = (["AVATAR_BASE_URL", "TOKEN_ISSUER"] as const).find((it) => env[it]);
  if (!name) return `http://${env.GATEWAY_LISTEN ?? "127.0.0.1:8080"}`;
  const value = toUrl(name, env[name] ?? "", ["http:", "https:"]);
  const { search, hash, username, password } = new URL(value);
  if (name === "AVATAR_BASE_URL" && (search || hash || username || password)) {
    throw new ConfigError("AVATAR_BASE_URL holds a query, a fragment or user info");
  }
  if (value.length > MAX_BASE_LENGTH) throw new ConfigError(`${name} is over 400 characters`);
  return value.replace(/\/+$/, "");
}

/** An avatar's address may have 500 characters; the rest is the name's. */
const MAX_BASE_LENGTH = 400;

/** Without any of these avatars are kept on disk. */
const S3_NAMES = [
  "AVATAR_S3_ENDPOINT",
  "AVATAR_S3_BUCKET",
  "AVATAR_S3_ACCESS_KEY_ID",
  "AVATAR_S3_SECRET_ACCESS_KEY",
] as const;

export const AVATAR_NAMES = ["AVATAR_BASE_URL", "AVATAR_S3_REGION", ...S3_NAMES] as const;

function toS3Config(env: Env): S3Config | undefined {
  const isMeant = env.AVATAR_S3_REGION || S3_NAMES.some((name) => env[name]);
  if (!isMeant) return undefined;
  const [value = "", bucket = "", accessKeyId = "", secretAccessKey = ""] = S3_NAMES.map((name) =>
    required(env, name),
  );
  const endpoint = toOrigin("AVATAR_S3_ENDPOINT", value);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new ConfigError("AVATAR_S3_BUCKET is no name of a bucket");
  }
  const region = env.AVATAR_S3_REGION ?? "us-east-1";
  return { endpoint, bucket, region, accessKeyId, secretAccessKey };
}
