import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import type { Address, CallerConfig, Env, MasterKey, Name, Scope } from "./config.ts";
import { StartError } from "./start-error.ts";

/** A setting that is missing, does not parse, or contradicts another; never holds the value. */
export class ConfigError extends StartError {
  override readonly name = "ConfigError";
  /** EX_CONFIG of sysexits.h. */
  override readonly exitCode = 78;
}

export function readSetting(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new ConfigError(`${name} names a file that cannot be read`);
  }
}

export function toUrl(name: string, value: string, protocols: readonly string[]): string {
  const url = URL.parse(value);
  if (!url || !protocols.includes(url.protocol)) {
    throw new ConfigError(`${name} is not a ${protocols.map((p) => `${p}//`).join(" or ")} URL`);
  }
  return value;
}

export function toOrigin(name: string, value: string): string {
  const url = new URL(toUrl(name, value, ["http:", "https:"]));
  if (url.pathname !== "/" || url.search || url.username) {
    throw new ConfigError(`${name} is an origin: no path, query or user info`);
  }
  return url.origin;
}

export function checkUserInfo(name: string, { username, password }: URL): void {
  try {
    decodeURIComponent(username + password);
  } catch {
    throw new ConfigError(`${name} holds a % in its user info that encodes nothing`);
  }
}

/** A driver would fill in what is missing, and so find another database than was meant. */
export function toDatabaseUrl(value: string): string {
  const url = new URL(toUrl("DATABASE_URL", value, ["postgres:", "postgresql:"]));
  checkUserInfo("DATABASE_URL", url);
  const host = url.hostname || url.searchParams.get("host");
  if (!host || url.pathname.length < 2) {
    throw new ConfigError("DATABASE_URL names no host or no database");
  }
  return value;
}

export function toAddress(name: string, value: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (!host || port > 65_535 || (match?.[1] && isIP(host) !== 6)) {
    throw new ConfigError(`${name} is not host:port`);
  }
  return { host, port };
}

/** https://github.com/grpc/grpc/blob/master/doc/naming.md, as far as grpc-js knows it. */
export function toGrpcTarget(value: string): string {
  const named = /^(dns:(\/\/\/)?|ipv4:|ipv6:|unix:)[\w.,:/[\]-]+$/.test(value);
  if (!named) toAddress("IDENTITY_GRPC_TARGET", value);
  return value;
}

export function toSeconds(name: string, value: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(value);
  const unit = { s: 1, m: 60, h: 3_600, d: 86_400 }[match?.[2] as "s" | "m" | "h" | "d"];
  const seconds = Number(match?.[1]) * (unit ?? Number.NaN);
  if (!(seconds > 0 && seconds <= 366 * 86_400)) {
    throw new ConfigError(`${name} is not a duration such as 30s, 15m, 2h or 7d, 366d at most`);
  }
  return seconds;
}

/** `on` or `off`; off where it is not set. */
export function isOn(name: string, value = "off"): boolean {
  if (value !== "on" && value !== "off") throw new ConfigError(`${name} is neither on nor off`);
  return value === "on";
}

/** More than a machine has cores. */
const MAX_WORKERS = 256;

export function toWorkers(value: string): number {
  const count = value === "auto" ? availableParallelism() : Number(value);
  if (/^(auto|[1-9]\d*)$/.test(value) && count <= MAX_WORKERS) return count;
  throw new ConfigError(`WORKERS is not a number from 1 to ${MAX_WORKERS}, or auto`);
}

export function toMasterKeys(value: string): MasterKey[] {
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

/** One letter missing, added, changed or two swapped. */
export function isNear(left: string, right: string): boolean {
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

/** `name:sha256hex(secret):scope+scope`, by commas. */
export function toCallers(value: string): CallerConfig[] {
  const callers = value.split(",").map((entry) => {
    const match = /^([a-z0-9-]{1,32}):([0-9a-f]{64}):([a-z+]+)$/.exec(entry.trim());
    const scopes = match?.[3]?.split("+").filter((scope) => isScope(scope)) ?? [];
    if (!match || scopes.length !== match[3]?.split("+").length) {
      throw new ConfigError("RPC_CALLERS is not a list of name:sha256hex(secret):scope+scope");
    }
    return { name: match[1] as string, secretHash: Buffer.from(match[2] as string, "hex"), scopes };
  });
  for (const part of [
    callers.map(({ name }) => name),
    callers.map(({ secretHash }) => secretHash.toString("hex")),
  ]) {
    if (new Set(part).size < part.length) {
      throw new ConfigError("RPC_CALLERS names one caller, or one secret, twice");
    }
  }
  return callers;
}

function isScope(value: string): value is Scope {
  return value === "directory" || value === "admin";
}

export function required(env: Env, name: Name): string {
  const value = env[name];
  if (value) return value;
  throw new ConfigError(`${name} is missing`);
}
