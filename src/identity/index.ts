import type { IdentityClient } from "../client.ts";
import type { IdentityConfig } from "../config.ts";
import { watchEventLoop } from "../event-loop.ts";
import { formatAddress } from "../listen.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Health } from "../ops-server.ts";
import { createCallers } from "./callers.ts";
import { openParts } from "./parts.ts";
import { createAdminMethods } from "./rpc/admin-methods.ts";
import { startConnectServer } from "./rpc/connect-server.ts";
import { createDirectoryMethods } from "./rpc/directory-methods.ts";
import { startGrpcServer } from "./rpc/grpc-server.ts";
import { createIdentityMethods } from "./rpc/identity-methods.ts";
import { createLocalClient } from "./rpc/local-client.ts";
import { createPipeline } from "./rpc/pipeline.ts";

const HEALTH_INTERVAL_MS = 2_000;

export interface IdentityDependencies {
  log: Logger;
  metrics: Metrics;
  /** Milliseconds, as `Date.now`; the clock of the tokens. */
  now?: () => number;
}

/** A running identity service. */
export interface Identity extends AsyncDisposable {
  /** Where it listens, as `host:port` with the real port. */
  addresses: { grpc: string; connect: string };
  /** The same service for this process, without a hop. */
  client: IdentityClient;
  health(): Promise<Health>;
  /** From now on it is not ready and says so; calls are still taken. */
  leave(): void;
  /** Other mini programs, or other secrets of theirs; calls under way keep theirs. */
  reload(config: Pick<IdentityConfig, "miniApps">): void;
  /** Lets the calls under way finish, then closes all that it opened. */
  close(): Promise<void>;
}

/** Starts the RPC service on a migrated database. */
export async function createIdentity(
  config: IdentityConfig,
  { log, metrics, now = Date.now }: IdentityDependencies,
): Promise<Identity> {
  await using opened = new AsyncDisposableStack();
  const { deps, health: readHealth } = await openParts(opened, config, { log, now, metrics });
  const loop = opened.adopt(watchEventLoop(), (it) => it.close());
  const pipeline = createPipeline(config.rpc, {
    methods: new Map([
      createIdentityMethods(deps),
      createDirectoryMethods(deps),
      createAdminMethods(deps),
    ]),
    tokens: deps.tokens,
    loginSessions: deps.loginSessions,
    callers: createCallers(config.callers),
    log,
    metrics: metrics.rpc,
    loop,
  });
  const connect = opened.adopt(await startConnectServer(config.rpc, pipeline), (it) => it.close());
  const grpc = opened.adopt(await startGrpcServer(config.rpc, pipeline), (it) => it.close());
  let isLeaving = false;
  const health = async (): Promise<Health> => {
    const { ready, parts } = await readHealth();
    return { ready: ready && !isLeaving, parts };
  };
  const watch = setInterval(
    async () => grpc.setServing((await health()).ready),
    HEALTH_INTERVAL_MS,
  );
  opened.defer(() => clearInterval(watch));
  const leave = () => {
    isLeaving = true;
    grpc.setServing(false);
  };

  const owned = opened.move();
  const close = () => owned.disposeAsync();
  return {
    addresses: { grpc: formatAddress(grpc.address), connect: formatAddress(connect.address) },
    client: createLocalClient(pipeline),
    health,
    leave,
    reload: (next) => deps.miniApps.replace(next.miniApps),
    close,
    [Symbol.asyncDispose]: close,
  };
}
