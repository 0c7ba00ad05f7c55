import { createHash, randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { Redis } from "ioredis";
import postgres from "postgres";
import { inject } from "vitest";
import {
  createDirectoryClient,
  createIdentityClient,
  type DirectoryClient,
  type IdentityClient,
} from "../../src/client.ts";
import { type Env, toIdentityConfig, toSimulatorConfig } from "../../src/config.ts";
import { toGatewayConfig } from "../../src/config-gateway.ts";
import { startWechatSimulator, type WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { createGateway } from "../../src/gateway/index.ts";
import { AdminService } from "../../src/gen/identity/v1/admin_service_pb.js";
import { DirectoryService } from "../../src/gen/identity/v1/directory_service_pb.js";
import { IdentityService } from "../../src/gen/identity/v1/identity_service_pb.js";
import { createIdentity, type Identity } from "../../src/identity/index.ts";
import { formatAddress } from "../../src/listen.ts";
import { createLogger, type Logger } from "../../src/log.ts";
import { createMetrics, type Metrics } from "../../src/metrics.ts";
import { createDatabase } from "./database.ts";
import { forgetApp } from "./forget-app.ts";

export interface ServiceOptions {
  /** Over the test's own settings. */
  env?: Env;
  /** Something between the service and its PostgreSQL; told the real address. */
  throughDatabase?: (url: string) => Promise<string>;
  /** The clock of tokens and of WeChat's codes. */
  now?: () => number;
  /** In place of the service's own: for what a busy machine may take longer for. */
  wechatTimeoutMs?: number;
}

/** Of the caller `tests`. */
export const CALLER_SECRET = "caller-secret-of-the-tests";

/** For RPC_CALLERS. */
export const CALLER = `tests:${sha256(CALLER_SECRET)}:directory`;

/** Of the caller `other`. */
export const ADMIN_SECRET = "other";

/** For RPC_CALLERS: the caller `other`, who has the scope `admin`. */
export const ADMIN = `other:${sha256(ADMIN_SECRET)}:admin`;

/** What `other` sends with a call. */
export const AS_ADMIN = { headers: { authorization: `Bearer ${ADMIN_SECRET}` } };

/** Identity and gateway on their real wires, with a database, a mini program and WeChat of their own. */
export interface TestService extends AsyncDisposable {
  env: Env;
  appId: string;
  identity: Identity;
  metrics: Metrics;
  simulator: WechatSimulator;
  /** Over native gRPC. */
  grpc: IdentityClient;
  connect: Client<typeof IdentityService>;
  /** Over native gRPC, with the secret of a caller that has the scope `directory`. */
  directory: DirectoryClient;
  /** Over Connect, with no secret. */
  directoryConnect: Client<typeof DirectoryService>;
  /** Over Connect, with no secret: see AS_ADMIN. */
  adminConnect: Client<typeof AdminService>;
  grpcWeb: Client<typeof IdentityService>;
  /** The gateway's origin; it calls identity over gRPC. */
  gateway: string;
  sql: postgres.Sql;
  redis: Redis;
  /** Every line that identity or gateway logged, parsed. */
  logs: Record<string, unknown>[];
  /** A fresh code of this person. */
  code(person: string): string;
}

export async function startService({
  env = {},
  now,
  throughDatabase = async (url) => url,
  wechatTimeoutMs,
}: ServiceOptions = {}): Promise<TestService> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await createDatabase(inject("databaseUrl"), inject("template")));
  const appId = `wx${randomBytes(8).toString("hex")}`;
  const secret = randomBytes(16).toString("hex");
  const base: Env = {
    DATABASE_URL: await throughDatabase(database.url),
    REDIS_URL: inject("redisUrl"),
    ...(env.MINI_APPS_FILE ? {} : { WX_MINI_APP_ID: appId, WX_MINI_APP_SECRET: secret }),
    MASTER_KEYS: `test:${randomBytes(32).toString("base64")}`,
    RPC_CALLERS: `${CALLER},${ADMIN}`,
    // All tests come from one address, and count in one Redis.
    RATE_LIMIT_LOGIN: "1000000/1m",
    GRPC_LISTEN: "127.0.0.1:0",
    CONNECT_LISTEN: "127.0.0.1:0",
    GATEWAY_LISTEN: "127.0.0.1:0",
    SIMULATOR_LISTEN: "127.0.0.1:0",
    ...env,
  };
  const simulator = opened.use(
    await startWechatSimulator(toSimulatorConfig(base), now ? { now } : {}),
  );
  const full: Env = { WX_API_BASE_URL: simulator.url, ...base };
  const { log, logs } = captureLog();
  const metrics = createMetrics();
  const dependencies = { log, metrics, ...(now ? { now } : {}) };
  const config = toIdentityConfig(full);
  if (wechatTimeoutMs !== undefined) config.wechat.timeoutMs = wechatTimeoutMs;
  const { miniApps } = config;
  const identity = opened.use(await createIdentity(config, dependencies));
  const target = identity.addresses.grpc;
  const grpc = opened.adopt(createIdentityClient({ target, timeoutMs: 10_000 }), (it) =>
    it.close(),
  );
  const directory = opened.adopt(
    createDirectoryClient({ target, timeoutMs: 10_000, secret: CALLER_SECRET }),
    (it) => it.close(),
  );
  const gatewayConfig = toGatewayConfig({ ...full, IDENTITY_GRPC_TARGET: target });
  const gateway = opened.use(
    await createGateway(gatewayConfig, { identity: grpc, log, metrics: metrics.http }),
  );
  const sql = opened.adopt(postgres(database.url, { max: 2, onnotice: () => {} }), (it) =>
    it.end(),
  );
  const redis = opened.adopt(new Redis(inject("redisUrl")), (it) => it.disconnect());
  opened.defer(async () => {
    for (const { appId } of miniApps) await forgetApp(redis, appId);
  });
  const transport = {
    baseUrl: `http://${identity.addresses.connect}`,
    httpVersion: "1.1" as const,
  };
  const owned = opened.move();
  return {
    env: full,
    appId,
    identity,
    metrics,
    simulator,
    grpc,
    directory,
    directoryConnect: createClient(DirectoryService, createConnectTransport(transport)),
    adminConnect: createClient(AdminService, createConnectTransport(transport)),
    connect: createClient(IdentityService, createConnectTransport(transport)),
    grpcWeb: createClient(IdentityService, createGrpcWebTransport(transport)),
    gateway: `http://${formatAddress(gateway.address)}`,
    sql,
    redis,
    logs,
    code: (person) => simulator.issueCode(person),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A logger like the real one, whose lines can be read. */
function captureLog(): { log: Logger; logs: Record<string, unknown>[] } {
  const logs: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logs.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { log: createLogger({ level: "trace" }, "test", sink), logs };
}
