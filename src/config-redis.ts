import type { Address } from "./config.ts";
import { ConfigError, checkUserInfo, toAddress, toUrl } from "./config-values.ts";

/** Who we are to Redis. */
export interface RedisUser {
  username: string | undefined;
  password: string | undefined;
}

/** Where Redis is. */
export type RedisServers =
  | { kind: "one"; url: string }
  /** Some nodes of a cluster, which tell the others. */
  | { kind: "cluster"; nodes: Address[]; user: RedisUser; isTls: boolean }
  /** Those that know which server is the master of this name. */
  | { kind: "sentinel"; sentinels: Address[]; master: string; db: number; user: RedisUser };

const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;

/**
 * `redis://` or `rediss://`, of several nodes by commas for a cluster, or
 * `redis+sentinel://host:26379,host:26379/master`. The driver would pass over what it cannot read.
 */
export function toRedisServers(value: string): RedisServers {
  if (value.startsWith("redis+sentinel://")) return toSentinels(value);
  const urls = splitNodes(value);
  if (urls.length > 1) return toCluster(urls);
  const { pathname } = parse(value);
  if (!/^\/?\d{0,4}$/.test(pathname)) {
    throw new ConfigError("REDIS_URL names a database that is no number");
  }
  return { kind: "one", url: value };
}

/** What follows the first node may leave out what it has in common with it. A password may hold a comma. */
function splitNodes(value: string): string[] {
  const scheme = /^rediss?:\/\//.exec(value)?.[0] ?? "";
  return value
    .split(/,(?=rediss?:\/\/|[^@]*$)/)
    .map((node) => (/^rediss?:\/\//.test(node) ? node : `${scheme}${node}`));
}

function toCluster(values: readonly string[]): RedisServers {
  const urls = values.map(parse);
  const [first] = urls as [URL];
  for (const url of urls) {
    if (!/^\/?0?$/.test(url.pathname)) {
      throw new ConfigError("REDIS_URL names a database, of which a cluster has only one");
    }
    if (url.protocol !== first.protocol || (isNamed(url) && !isSameUser(url, first))) {
      throw new ConfigError("REDIS_URL reaches the nodes of one cluster in different ways");
    }
  }
  const nodes = urls.map((url) => toNode(url.host, REDIS_PORT));
  return { kind: "cluster", nodes, user: toUser(first), isTls: first.protocol === "rediss:" };
}

function toSentinels(value: string): RedisServers {
  const match = /^redis\+sentinel:\/\/(?:([^/]*)@)?([^@/]+)\/([\w.-]+)(?:\/(\d{1,4}))?$/.exec(
    value,
  );
  if (!match) {
    throw new ConfigError("REDIS_URL is not redis+sentinel://host:port,host:port/master");
  }
  const [, user = "", hosts = "", master = "", db = "0"] = match;
  const sentinels = hosts.split(",").map((host) => toNode(host, SENTINEL_PORT));
  const named = parse(`redis://${user}@none`);
  return { kind: "sentinel", sentinels, master, db: Number(db), user: toUser(named) };
}

function parse(value: string): URL {
  const url = new URL(toUrl("REDIS_URL", value, ["redis:", "rediss:"]));
  checkUserInfo("REDIS_URL", url);
  if (!url.hostname) throw new ConfigError("REDIS_URL names no host");
  return url;
}

function toNode(host: string, port: number): Address {
  return toAddress("REDIS_URL", /:\d+$/.test(host) ? host : `${host}:${port}`);
}

function isNamed({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

function isSameUser(left: URL, right: URL): boolean {
  return left.username === right.username && left.password === right.password;
}

function toUser({ username, password }: URL): RedisUser {
  return {
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
  };
}
