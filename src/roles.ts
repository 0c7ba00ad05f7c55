import { createIdentityClient } from "./client.ts";
import {
  type Env,
  isProduction,
  type Role,
  readEnv,
  toDatabaseConfig,
  toIdentityConfig,
  toOpsListen,
  toSimulatorConfig,
} from "./config.ts";
import { toGatewayConfig } from "./config-gateway.ts";
import { createGateway } from "./gateway/index.ts";
import { createIdentity } from "./identity/index.ts";
import { migrateDatabase } from "./identity/store/migrate.ts";
import { formatAddress } from "./listen.ts";
import type { Logger } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { type Health, startOpsServer } from "./ops-server.ts";

/** What a role has started; undefined for a role that ends by itself. */
export interface Running extends AsyncDisposable {
  /** Every address that it listens on, by what is served there. */
  addresses: Record<string, string>;
  /** Tells whoever balances that it goes away; it still takes calls. */
  leave?: () => void;
  /** Reads again what may change while it runs: the mini programs. Nothing changes when it throws. */
  reload?: () => Promise<void>;
  /** Shown to the person who started it. */
  welcome?: string;
}

/** Starts one role; `words` is what stands behind it on the command line. */
export type Start = (
  env: Env,
  log: Logger,
  words: readonly string[],
) => Promise<Running | undefined>;

export const ROLES: Readonly<Record<Role, Start>> = {
  all: startAll,
  identity: startIdentity,
  gateway: startGateway,
  migrate: startMigrate,
  simulator: startSimulator,
  cli: runCli,
};

/** How long /readyz waits for the connection to identity. */
const READY_TIMEOUT_MS = 1_000;

async function startIdentity(env: Env, log: Logger): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const metrics = createMetrics();
  const config = toIdentityConfig(await withDefaults(env));
  const identity = opened.use(await createIdentity(config, { log, metrics }));
  const ops = await openOps(opened, env, metrics, identity.health);
  const reload = async () => identity.reload(toIdentityConfig(await withDefaults(readEnv())));
  const leave = () => identity.leave();
  return { ...running(opened, { ...identity.addresses, ops }), leave, reload };
}

async function startGateway(env: Env, log: Logger): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const config = toGatewayConfig(env);
  const target = config.identityTarget;
  const identity = opened.adopt(
    createIdentityClient({ target, timeoutMs: config.timeoutMs }),
    (client) => client.close(),
  );
  const metrics = createMetrics();
  const dependencies = { identity, log, metrics: metrics.http };
  const gateway = opened.use(await createGateway(config, dependencies));
  let isLeaving = false;
  const ops = await openOps(opened, env, metrics, async () => {
    const isUp = await identity.isReady(READY_TIMEOUT_MS);
    return { ready: isUp && !isLeaving, parts: { identity: isUp ? "up" : "down" } };
  });
  const leave = () => {
    isLeaving = true;
  };
  return { ...running(opened, { http: formatAddress(gateway.address), ops }), leave };
}

/** Identity and gateway without a hop; what is not configured is embedded, but in production. */
async function startAll(given: Env, log: Logger): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const network = isProduction(given)
    ? undefined
    : opened.use(await (await import("./dev/network.ts")).startNetwork(given));
  const env = network?.env ?? given;
  const config = toIdentityConfig(env);
  await migrateDatabase(config.database);
  const metrics = createMetrics();
  const identity = opened.use(await createIdentity(config, { log, metrics }));
  const dependencies = { identity: identity.client, log, metrics: metrics.http };
  const gateway = opened.use(await createGateway(toGatewayConfig(env), dependencies));
  const ops = await openOps(opened, env, metrics, identity.health);
  const http = formatAddress(gateway.address);
  const addresses = { http, ...identity.addresses, ops };
  const reload = async () => identity.reload(toIdentityConfig({ ...env, ...readEnv() }));
  const leave = () => identity.leave();
  if (!network) return { ...running(opened, addresses), leave, reload };
  const { toWelcome } = await import("./dev/welcome.ts");
  const welcome = toWelcome(network, addresses);
  const { simulator } = network;
  const listening = {
    ...addresses,
    ...(simulator ? { simulator: new URL(simulator.url).host } : {}),
  };
  return { ...running(opened, listening), welcome, reload };
}

async function startMigrate(env: Env): Promise<undefined> {
  await migrateDatabase(toDatabaseConfig(env));
}

async function startSimulator(env: Env): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const { startWechatSimulator } = await import("./dev/wechat-simulator.ts");
  const simulator = opened.use(
    await startWechatSimulator(toSimulatorConfig(await withDefaults(env))),
  );
  return running(opened, { simulator: new URL(simulator.url).host });
}

async function runCli(env: Env, log: Logger, words: readonly string[]): Promise<undefined> {
  const { runCommand } = await import("./cli/index.ts");
  await runCommand(await withDefaults(env), log, words);
}

async function withDefaults(env: Env): Promise<Env> {
  if (isProduction(env)) return env;
  return (await import("./dev/defaults.ts")).withDevelopmentDefaults(env);
}

async function openOps(
  opened: AsyncDisposableStack,
  env: Env,
  metrics: Metrics,
  health: () => Promise<Health>,
): Promise<string> {
  const ops = await startOpsServer(toOpsListen(env), { metrics, health });
  opened.defer(() => ops.close());
  return formatAddress(ops.address);
}

function running(opened: AsyncDisposableStack, addresses: Record<string, string>): Running {
  const owned = opened.move();
  return { addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
