import type { IdentityClient } from "../client.ts";
import type { IdentityConfig } from "../config.ts";
import { formatAddress } from "../listen.ts";
import { due, type Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Health } from "../ops-server.ts";
import { createRateCounter } from "../rate-counter.ts";
import { openRedis, type RedisConnection, tolerantly } from "../redis.ts";
import { createCallers } from "./callers.ts";
import { openDataKey } from "./data-keys.ts";
import { createExchanger } from "./exchange.ts";
import { openKeyRing } from "./keys.ts";
import { startMaintenance } from "./maintenance.ts";
import { createMiniApps } from "./mini-apps.ts";
import { createPhones } from "./phones.ts";
import { createWechat } from "./platforms/wechat.ts";
import { createWechatHttp } from "./platforms/wechat-http.ts";
import { createWithinQuota } from "./platforms/wechat-quota.ts";
import { createWithSecret } from "./platforms/wechat-secrets.ts";
import { createFetchToken, createWechatServerApi } from "./platforms/wechat-server-api.ts";
import { createWechatTokens } from "./platforms/wechat-token.ts";
import { createRefreshTokens } from "./refresh-tokens.ts";
import { assertMasterKeys } from "./rewrap.ts";
import { createAdminMethods } from "./rpc/admin-methods.ts";
import { startConnectServer } from "./rpc/connect-server.ts";
import { createDirectoryMethods } from "./rpc/directory-methods.ts";
import { startGrpcServer } from "./rpc/grpc-server.ts";
import { createIdentityMethods } from "./rpc/identity-methods.ts";
import { createLocalClient } from "./rpc/local-client.ts";
import { createPipeline } from "./rpc/pipeline.ts";
import { createSecrets } from "./secrets.ts";
import { createAccountStore } from "./store/accounts.ts";
import { createDataKeyStore } from "./store/data-keys.ts";
import { type Db, openDb } from "./store/db.ts";
import { createExchangeStore } from "./store/exchanges.ts";
import { createLeaseStore } from "./store/leases.ts";
import { createLoginSessionStore } from "./store/login-sessions.ts";
import { createLoginStore } from "./store/logins.ts";
import { assertSchema } from "./store/migrate.ts";
import { createPruningStore } from "./store/pruning.ts";
import { createSealedValueStore } from "./store/sealed-values.ts";
import { createSessionKeyStore } from "./store/session-keys.ts";
import { openSharedTokens } from "./store/shared-tokens.ts";
import { createSigningKeyStore } from "./store/signing-keys.ts";
import { createUnionStore } from "./store/unions.ts";
import { createUserControlStore } from "./store/user-control.ts";
import { createUserStore } from "./store/users.ts";
import { createTokens } from "./tokens.ts";

const HEALTH_INTERVAL_MS = 2_000;
const REDIS_LOG_INTERVAL_MS = 10_000;

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
  const { deps, db, redis, isWechatAway } = await openAll(opened, config, { log, now, metrics });
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
  });
  const connect = opened.adopt(await startConnectServer(config.rpc, pipeline), (it) => it.close());
  const grpc = opened.adopt(await startGrpcServer(config.rpc, pipeline), (it) => it.close());
  let isLeaving = false;
  const health = async (): Promise<Health> => {
    const { ready, parts } = await readHealth(db, redis);
    const wechat = isWechatAway() ? "degraded" : "up";
    return { ready: ready && !isLeaving, parts: { ...parts, wechat } };
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

/** What the use cases work with; `opened` closes it. */
async function openAll(
  opened: AsyncDisposableStack,
  config: IdentityConfig,
  { log, now, metrics: { parts } }: Required<IdentityDependencies>,
) {
  const setBroken = (part: string) => (isBroken: boolean) => {
    parts.broken.set({ part }, Number(isBroken));
  };
  const secrets = createSecrets(config.masterKeys);
  const db = opened.adopt(
    openDb(config.database, { onWait: (seconds) => parts.databaseWait.observe(seconds) }),
    (it) => it.close(),
  );
  await assertSchema(db);
  await assertMasterKeys(createSealedValueStore(db), secrets);
  const keys = opened.adopt(
    await openKeyRing(createSigningKeyStore(db), secrets, {
      accessTtlSeconds: config.tokens.accessTtlSeconds,
      onError: (err) => log.warn({ event: "signing keys", err }),
      now,
    }),
    (it) => it.close(),
  );
  const redisIsDue = due(REDIS_LOG_INTERVAL_MS);
  const onError = (err: Error) => {
    if (redisIsDue()) log.warn({ event: "redis", err });
  };
  const redis = opened.adopt(await openRedis(config.redis, onError), (it) => it.close());
  const attempt = tolerantly(onError, config.redis.commandTimeoutMs, setBroken("redis"));
  const ttlSeconds = config.sessionKeyTtlSeconds;
  const http = opened.adopt(
    createWechatHttp(config.wechat, {
      onCall: (path, reason, seconds) => parts.wechat.observe({ path, reason }, seconds),
      onBroken: setBroken("wechat"),
    }),
    (it) => it.close(),
  );
  const withSecret = createWithSecret();
  const logins = createRateCounter({ name: "app", windowSeconds: 60 }, { redis, attempt });
  const wechatTokens = createWechatTokens({
    fetchToken: createFetchToken(http, withSecret),
    cache: openSharedTokens(redis.redis, secrets, { attempt, now }),
    onError: (err) => log.warn({ event: "wechat token", err }),
    now,
  });
  const dataKeys = createDataKeyStore(db);
  const refreshTokens = createRefreshTokens(await openDataKey(dataKeys, secrets, "refresh_token"));
  const deps = {
    miniApps: createMiniApps(config.miniApps),
    exchanger: createExchanger({
      wechat: createWechat(http, withSecret, createWithinQuota(logins, now)),
      exchanges: createExchangeStore(redis.redis, { secrets, attempt }),
      refreshTokens,
      now,
      onOutcome: (outcome) => parts.exchanges.inc({ outcome }),
    }),
    wechatApi: createWechatServerApi(http, wechatTokens),
    phones: createPhones(await openDataKey(dataKeys, secrets, "phone_index"), secrets),
    refreshTokens,
    loginTtlSeconds: config.tokens.refreshTtlSeconds,
    users: createUserStore(db),
    unions: createUnionStore(db),
    logins: createLoginStore(db),
    loginSessions: createLoginSessionStore(db),
    userControl: createUserControlStore(db),
    accounts: createAccountStore(db),
    sessionKeys: createSessionKeyStore(redis.redis, { secrets, ttlSeconds, attempt }),
    tokens: createTokens(config.tokens, keys, now),
    keys,
    now,
  };
  const housekeeping = { leases: createLeaseStore(db), pruning: createPruningStore(db), keys };
  opened.adopt(startMaintenance(housekeeping, log), (it) => it.close());
  return { deps, db, redis, isWechatAway: http.isAway };
}

/** Redis is missed, but not needed: a login works without it. */
async function readHealth(db: Db, redis: RedisConnection): Promise<Health> {
  const postgres = await db.isReady();
  return {
    ready: postgres,
    parts: {
      postgres: postgres ? "up" : "down",
      redis: redis.isReady() ? "up" : "degraded",
    },
  };
}
