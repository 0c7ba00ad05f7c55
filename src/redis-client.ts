import { Cluster, Redis } from "ioredis";
import type { RedisConfig } from "./config.ts";

/** One server, whoever is the master of a name, or a cluster: it understands the same commands. */
export type RedisClient = Redis | Cluster;

/** Without an answer for so long a connection is dead: another one is opened. */
const SOCKET_TIMEOUT_MS = 1_000;

/** A command goes to another node of a cluster so often, each time so much later, before it fails. */
const MAX_REDIRECTIONS = 3;
const REDIRECTION_DELAY_MS = 50;

const retryStrategy = (attempt: number) => Math.min(50 * attempt, 1_000);

/** Without ioredis' own time-out of a command: on a busy process it ends before the reply is read. */
export function connectRedis({ servers, connectTimeoutMs }: RedisConfig): RedisClient {
  const socket = { connectTimeout: connectTimeoutMs, socketTimeout: SOCKET_TIMEOUT_MS };
  const options = {
    ...socket,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    retryStrategy,
    // Of a server that was the master until a moment ago.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  };
  switch (servers.kind) {
    case "one":
      return new Redis(servers.url, options);
    case "sentinel": {
      const { sentinels, master: name, db, user } = servers;
      const sentinel = { sentinelRetryStrategy: retryStrategy, sentinelCommandTimeout: 1_000 };
      return new Redis({ ...options, ...sentinel, ...user, sentinels, name, db });
    }
    case "cluster":
      return new Cluster(servers.nodes, {
        redisOptions: { ...socket, ...servers.user, ...(servers.isTls ? { tls: {} } : {}) },
        enableOfflineQueue: false,
        clusterRetryStrategy: retryStrategy,
        slotsRefreshTimeout: connectTimeoutMs,
        maxRedirections: MAX_REDIRECTIONS,
        retryDelayOnFailover: REDIRECTION_DELAY_MS,
        retryDelayOnClusterDown: REDIRECTION_DELAY_MS,
      });
  }
}
