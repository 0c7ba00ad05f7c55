import type { IdentityConfig } from "../config.ts";
import type { Logger } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Health } from "../ops-server.ts";
import { createRateCounter } from "../rate-counter.ts";
import { openRedis, type RedisConnection } from "../redis.ts";
import { createContentChecks, type OnChecked } from "./content-checks.ts";
import { openDataKey } from "./data-keys.ts";
import { createExchanger } from "./exchange.ts";
import { openKeyRing } from "./keys.ts";
import { startMaintenance } from "./maintenance.ts";
import { createTakeOver } from "./merge-users.ts";
import { createMiniApps } from "./mini-apps.ts";
import { createPhones } from "./phones.ts";
import { createWechat } from "./platforms/wechat.ts";
import { createWechatContent } from "./platforms/wechat-content.ts";
import { createWechatHttp, type WechatHttp } from "./platforms/wechat-http.ts";
import { createWithinQuota } from "./platforms/wechat-quota.ts";
import { createWithSecret } from "./platforms/wechat-secrets.ts";
import {
  createFetchToken,
  createWechatServerApi,
  createWithToken,
} from "./platforms/wechat-server-api.ts";
import { createWechatTokens } from "./platforms/wechat-token.ts";
import { createRefreshTokens } from "./refresh-tokens.ts";
import { assertMasterKeys } from "./rewrap.ts";
import { createSecrets, type Secrets } from "./secrets.ts";
import { createAccountExportStore } from "./store/account-exports.ts";
import { createAccountStore } from "./store/accounts.ts";
import { createAuditLogStore } from "./store/audit-log.ts";
import { createDataKeyStore } from "./store/data-keys.ts";
import { type Db, openDb } from "./store/db.ts";
import { createDeletionStore } from "./store/deletions.ts";
import { createErasureStore } from "./store/erasure.ts";
import { createExchangeStore } from "./store/exchanges.ts";
import { createLeaseStore } from "./store/leases.ts";
import { createLoginSessionStore } from "./store/login-sessions.ts";
import { createLoginStore } from "./store/logins.ts";
import { createMergeStore } from "./store/merges.ts";
import { assertSchema } from "./store/migrate.ts";
import { createPruningStore } from "./store/pruning.ts";
import { createSealedValueStore } from "./store/sealed-values.ts";
import { createSessionKeyStore } from "./store/session-keys.ts";
import { openSharedTokens } from "./store/shared-tokens.ts";
import { createSigningKeyStore } from "./store/signing-keys.ts";
import { createUnionStore } from "./store/unions.ts";
import { createUserControlStore } from "./store/user-control.ts";
import { createUserSearchStore } from "./store/user-search.ts";
import { createUserStore } from "./store/users.ts";
import { createTokens } from "./tokens.ts";

export interface PartsDependencies {
  log: Logger;
  metrics: Pick<Metrics, "parts">;
  /** Milliseconds, as `Date.now`. */
  now(): number;
}

/** What the use cases work with, and how it is; `opened` closes it. */
export async function openParts(
  opened: AsyncDisposableStack,
  config: IdentityConfig,
  { log, now, metrics: { parts } }: PartsDependencies,
) {
  const setBroken = (part: string) => (isBroken: boolean) => {
    parts.broken.set({ part }, Number(isBroken));
  };
  const secrets = createSecrets(config.masterKeys);
  const db = opened.adopt(
    openDb(config.database, { onWait: (seconds) => parts.databaseWait.observe(seconds) }),
    (it) => it.close(),
  );
  const { keys, ...data } = await openData(opened, config, { db, secrets, log, now });
  const redis = opened.adopt(
    await openRedis(config.redis, { log, onBroken: setBroken("redis") }),
    (it) => it.close(),
  );
  const http = opened.adopt(
    createWechatHttp(config.wechat, {
      onCall: (path, reason, seconds) => parts.wechat.observe({ path, reason }, seconds),
      onBroken: setBroken("wechat"),
    }),
    (it) => it.close(),
  );
  const { wechat, wechatApi, content } = createWechatParts(http, { redis, secrets, log, now });
  const ttlSeconds = config.sessionKeyTtlSeconds;
  const miniApps = createMiniApps(config.miniApps);
  const onChecked: OnChecked = (kind, outcome) => parts.contentChecks.inc({ kind, outcome });
  const deps = {
    ...data,
    keys,
    miniApps,
    contentChecks: config.checksContent
      ? createContentChecks({ content, miniApps, log, onChecked })
      : undefined,
    exchanger: createExchanger({
      wechat,
      exchanges: createExchangeStore(redis, secrets),
      refreshTokens: data.refreshTokens,
      now,
      onOutcome: (outcome) => parts.exchanges.inc({ outcome }),
    }),
    wechatApi,
    sessionKeys: createSessionKeyStore(redis, { secrets, ttlSeconds }),
    tokens: createTokens(config.tokens, keys, now),
    avatarBaseUrl: config.avatarBaseUrl,
    loginTtlSeconds: config.tokens.refreshTtlSeconds,
    deletionGraceSeconds: config.deletionGraceSeconds,
    now,
  };
  return { deps, health: () => readHealth(db, redis, http) };
}

/** What lies in PostgreSQL, once it is known that its schema and its secrets can be read. */
async function openData(
  opened: AsyncDisposableStack,
  { tokens: { accessTtlSeconds } }: IdentityConfig,
  { db, secrets, log, now }: { db: Db; secrets: Secrets; log: Logger; now: () => number },
) {
  await assertSchema(db);
  await assertMasterKeys(createSealedValueStore(db), secrets);
  const onError = (err: Error) => log.warn({ event: "signing keys", err });
  const keys = opened.adopt(
    await openKeyRing(createSigningKeyStore(db), secrets, { accessTtlSeconds, onError, now }),
    (it) => it.close(),
  );
  const housekeeping = {
    leases: createLeaseStore(db),
    pruning: createPruningStore(db),
    erasure: createErasureStore(db),
    keys,
  };
  opened.adopt(startMaintenance(housekeeping, log), (it) => it.close());
  const dataKeys = createDataKeyStore(db);
  const phones = createPhones(await openDataKey(dataKeys, secrets, "phone_index"), secrets);
  return {
    keys,
    refreshTokens: createRefreshTokens(await openDataKey(dataKeys, secrets, "refresh_token")),
    phones,
    users: createUserStore(db),
    unions: createUnionStore(db),
    logins: createLoginStore(db),
    loginSessions: createLoginSessionStore(db),
    userControl: createUserControlStore(db),
    userSearch: createUserSearchStore(db),
    auditLog: createAuditLogStore(db),
    merges: createMergeStore(db, createTakeOver(phones)),
    accounts: createAccountStore(db),
    deletions: createDeletionStore(db),
    accountExports: createAccountExportStore(db),
  };
}

interface WechatPartsDeps {
  redis: RedisConnection;
  secrets: Secrets;
  log: Logger;
  now: () => number;
}

/** Logins, which need no access token, and what does. */
function createWechatParts(http: WechatHttp, { redis, secrets, log, now }: WechatPartsDeps) {
  const withSecret = createWithSecret();
  const logins = createRateCounter({ name: "app", windowSeconds: 60 }, redis);
  const tokens = createWechatTokens({
    fetchToken: createFetchToken(http, withSecret),
    cache: openSharedTokens(redis, secrets, now),
    onError: (err) => log.warn({ event: "wechat token", err }),
    now,
  });
  const withToken = createWithToken(tokens);
  return {
    wechat: createWechat(http, withSecret, createWithinQuota(logins, now)),
    wechatApi: createWechatServerApi(http, withToken),
    content: createWechatContent(http, withToken),
  };
}

/** Redis and WeChat are missed, but not needed: most calls work without them. */
async function readHealth(db: Db, redis: RedisConnection, wechat: WechatHttp): Promise<Health> {
  const postgres = await db.isReady();
  return {
    ready: postgres,
    parts: {
      postgres: postgres ? "up" : "down",
      redis: redis.isReady() ? "up" : "degraded",
      wechat: wechat.isAway() ? "degraded" : "up",
    },
  };
}
