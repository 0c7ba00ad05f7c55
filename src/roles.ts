import { createIdentityClient } from "./client.ts";
import {
  type Env,
  isProduction,
  type Role,
  readEnv,
  toDatabaseConfig,
  toIdentityConfig,
  toSimulatorConfig,
  toWorkerCount,
} from "./config.ts";
import { toGatewayConfig } from "./config-gateway.ts";
import type { ExtraRoutes } from "./gateway/app.ts";
import { createGateway } from "./gateway/index.ts";
import { createIdentity } from "./identity/index.ts";
import { migrateDatabase } from "./identity/store/migrate.ts";
import { formatAddress } from "./listen.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { OpsSource } from "./ops-server.ts";

/** What a role has started; undefined for a role that ends by itself. */
export interface Running extends AsyncDisposable {
  /** Every address that it listens on, by what is served there. */
  addresses: Record<string, string>;
  /** What is told of it at OPS_LISTEN. */
  ops?: OpsSource;
  /** Tells whoever balances that it goes away; it still takes calls. */
  leave?: () => void;
  /** Reads again what may change while it runs: the mini programs. Nothing changes when it throws. */
  reload?: () => Promise<void>;
  /** Puts new processes in the place of its own, one after the other. */
  replace?: () => Promise<void>;
  /** What the person who started it is shown. */
  welcome?: (addresses: Readonly<Record<string, string>>) => string;
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

/** What is there before a role that may be several processes starts. */
export interface Surroundings extends AsyncDisposable {
  /** The given settings, and those that were missing. */
  env: Env;
  /** Of what was started for it. */
  addresses: Record<string, string>;
  welcome?: NonNullable<Running["welcome"]>;
  /** The mini program in a browser; where WeChat is simulated in the process that serves it. */
  demo?: ExtraRoutes;
}

/**
 * For `all`, what is not configured is embedded, but in production, and the tables are brought up to date.
 * What is wrong with the settings is said before, and once, not by each worker.
 */
export async function surround(role: "all" | "identity", given: Env): Promise<Surroundings> {
  await using opened = new AsyncDisposableStack();
  if (role === "identity") {
    const env = await withDefaults(given);
    toIdentityConfig(env);
    return surroundings(opened, { env });
  }
  const network = isProduction(given)
    ? undefined
    : opened.use(await (await import("./dev/network.ts")).startNetwork(given));
  const env = network?.env ?? given;
  toIdentityConfig(env);
  toGatewayConfig(env);
  await migrateDatabase(toDatabaseConfig(env));
  if (!network) return surroundings(opened, { env });
  const { toWelcome } = await import("./dev/welcome.ts");
  const { simulator } = network;
  const isAlone = toWorkerCount(env) === 1;
  const demo =
    simulator && isAlone ? (await import("./dev/demo.ts")).createDemo(simulator) : undefined;
  return surroundings(opened, {
    env,
    addresses: simulator ? { simulator: new URL(simulator.url).host } : {},
    welcome: (addresses) => toWelcome(network, addresses, demo !== undefined),
    ...(demo ? { demo } : {}),
  });
}

async function startIdentity(given: Env, log: Logger): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const { env } = opened.use(await surround("identity", given));
  const metrics = createMetrics();
  const identity = opened.use(await createIdentity(toIdentityConfig(env), { log, metrics }));
  const reload = async () => identity.reload(toIdentityConfig(await withDefaults(readEnv())));
  const leave = () => identity.leave();
  const ops = { metrics, health: identity.health };
  return { ...running(opened, identity.addresses), ops, leave, reload };
}

async function startGateway(env: Env, log: Logger): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const config = toGatewayConfig(env);
  const { identityTarget: target, identityConnections: connections, timeoutMs } = config;
  const identity = opened.adopt(
    createIdentityClient({ target, connections, timeoutMs }),
    (client) => client.close(),
  );
  const metrics = createMetrics();
  const dependencies = { identity, log, metrics: metrics.http };
  const gateway = opened.use(await createGateway(config, dependencies));
  let isLeaving = false;
  const health: OpsSource["health"] = async () => {
    const isUp = await identity.isReady(READY_TIMEOUT_MS);
    return { ready: isUp && !isLeaving, parts: { identity: isUp ? "up" : "down" } };
  };
  const leave = () => {
    isLeaving = true;
  };
  const addresses = { http: formatAddress(gateway.address) };
  return { ...running(opened, addresses), ops: { metrics, health }, leave };
}

/** Identity and gateway without a hop. */
async function startAll(given: Env, log: Logger): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const { env, addresses: around, welcome, demo } = opened.use(await surround("all", given));
  const metrics = createMetrics();
  const identity = opened.use(await createIdentity(toIdentityConfig(env), { log, metrics }));
  const dependencies = {
    identity: identity.client,
    log,
    metrics: metrics.http,
    ...(demo ? { extra: demo } : {}),
  };
  const gateway = opened.use(await createGateway(toGatewayConfig(env), dependencies));
  const http = formatAddress(gateway.address);
  const addresses = { http, ...identity.addresses, ...around };
  const ops = { metrics, health: identity.health };
  const reload = async () => identity.reload(toIdentityConfig({ ...env, ...readEnv() }));
  const leave = () => identity.leave();
  return { ...running(opened, addresses), ops, leave, reload, ...(welcome ? { welcome } : {}) };
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

function running(opened: AsyncDisposableStack, addresses: Record<string, string>): Running {
  const owned = opened.move();
  return { addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function surroundings(
  opened: AsyncDisposableStack,
  found: Pick<Surroundings, "env"> & Partial<Surroundings>,
): Surroundings {
  return { ...running(opened, {}), ...found };
}
