import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Address } from "../config.ts";
import type { GatewayConfig } from "../config-gateway.ts";
import { watchEventLoop } from "../event-loop.ts";
import { closeServer, listen } from "../listen.ts";
import type { Logger } from "../log.ts";
import { openRedis } from "../redis.ts";
import { createApp, type GatewayDependencies } from "./app.ts";
import { openAvatars } from "./avatars.ts";
import { createClientName } from "./client-address.ts";
import { createDoor } from "./door.ts";
import { checkedListener, MAX_HEADERS, refuseUnparsed } from "./http-edge.ts";
import { createRateLimit } from "./rate-limit.ts";
import { limitSockets } from "./socket-limit.ts";

const SERVER_OPTIONS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  // Node looks for the two above only this often.
  connectionsCheckingInterval: 1_000,
  // Longer than the usual load balancer's 60 s, so that it is the one to close.
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
  // Node's own answer would be empty; http-edge.ts gives ours.
  requireHostHeader: false,
};

/** A running gateway. */
export interface Gateway {
  /** Where it listens, with the port that was free. */
  readonly address: Address;
  /** Takes no more requests and lets those under way finish, for at most 10 s. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the public HTTP API on `config.listen`. */
export async function createGateway(
  config: GatewayConfig,
  dependencies: Omit<GatewayDependencies, "limitLogin" | "limitAvatar" | "avatars" | "door">,
): Promise<Gateway> {
  await using opened = new AsyncDisposableStack();
  const limits = await openLimits(opened, config, dependencies.log);
  const avatars = opened.use(await openAvatars(config.avatars, dependencies.log));
  const door = createDoor(opened.adopt(watchEventLoop(), (it) => it.close()));
  const app = createApp(config, { ...dependencies, ...limits, avatars, door });
  const handle = getRequestListener(app.fetch);
  const server = createServer(SERVER_OPTIONS, checkedListener(handle, { ...dependencies, door }));
  server.on("clientError", refuseUnparsed);
  // One more than allowed: Node drops the rest without a word, and this one shows it.
  server.maxHeadersCount = MAX_HEADERS + 1;
  server.maxConnections = 10_000;
  limitSockets(server, config.trustedProxies);
  // For a client that does not read its answer.
  server.timeout = 20_000;
  const address = await listen(server, config.listen);
  opened.defer(() => closeServer(server));
  const owned = opened.move();
  const close = () => owned.disposeAsync();
  return { address, close, [Symbol.asyncDispose]: close };
}

async function openLimits(
  opened: AsyncDisposableStack,
  config: GatewayConfig,
  log: Logger,
): Promise<Pick<GatewayDependencies, "limitLogin" | "limitAvatar">> {
  const redis =
    config.redis && opened.adopt(await openRedis(config.redis, { log }), (it) => it.close());
  const limit = createRateLimit("login", config.loginLimit, redis);
  const clientName = createClientName(config.trustedProxies);
  return {
    limitLogin: (c) => limit(c, clientName(c)),
    limitAvatar: createRateLimit("avatar", config.avatars.limit, redis),
  };
}
