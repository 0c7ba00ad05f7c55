import cluster from "node:cluster";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Env,
  isProduction,
  likelyMisspellings,
  type Role,
  readEnv,
  toLogConfig,
  toTracingConfig,
} from "./config.ts";
import { ConfigError } from "./config-values.ts";
import { createLogger, describeError, type Logger } from "./log.ts";
import { ROLES, type Running } from "./roles.ts";
import { StartError } from "./start-error.ts";
import { startRole } from "./start-role.ts";
import { leaveSignalsToPrimary, workUntilStopped } from "./worker.ts";

/** After this long a process that should be gone is ended. */
const EXIT_TIMEOUT_MS = 25_000;

/** For a balancer to see that the process is not ready any more, before it takes no more calls. */
const LEAVE_MS = 3_000;

async function main(role: Role, words: readonly string[]): Promise<void> {
  const env = readEnv();
  const log = createLogger(toLogConfig(env), role);
  const stopped = cluster.isWorker ? undefined : untilSignal();
  if (cluster.isWorker) leaveSignalsToPrimary();
  else for (const name of likelyMisspellings()) log.warn({ event: "misspelling", name });
  await using _traces = await traceExport(env, role);
  const running = await startRole(role, env, log, words);
  if (!running) {
    log.info({ event: "done" });
    return;
  }
  await (stopped ? serve(running, stopped, env, log) : work(running, log));
  log.info({ event: "stopped" });
}

/** Until a signal ends it. */
async function serve(
  running: Running,
  stopped: Promise<string>,
  env: Env,
  log: Logger,
): Promise<void> {
  const { addresses, welcome, reload, replace } = running;
  if (!isProduction(env) && welcome) process.stderr.write(welcome(addresses));
  if (reload) onSignal("SIGHUP", "reloaded", reload, log);
  if (replace) onSignal("SIGUSR2", "replaced", replace, log);
  log.info({ event: "ready", addresses });
  const signal = await stopped;
  log.info({ event: "stopping", signal });
  setTimeout(() => process.exit(1), EXIT_TIMEOUT_MS).unref();
  if (isProduction(env) && signal === "SIGTERM") {
    running.leave?.();
    await sleep(LEAVE_MS);
  }
  await running[Symbol.asyncDispose]();
}

/** One of WORKERS: until the primary ends it. */
async function work(running: Running, log: Logger): Promise<void> {
  log.info({ event: "working", pid: process.pid });
  await workUntilStopped(running);
  await running[Symbol.asyncDispose]();
  process.disconnect();
}

/** Loaded only where it is wanted. */
async function traceExport(env: Env, role: Role): Promise<AsyncDisposable | undefined> {
  const config = toTracingConfig(env);
  return config && (await import("./trace-export.ts")).startTraceExport(config, role);
}

/** Where it fails, everything stays as it was. */
function onSignal(
  signal: NodeJS.Signals,
  event: "reloaded" | "replaced",
  work: () => Promise<void>,
  log: Logger,
): void {
  process.on(signal, () => {
    work().then(
      () => log.info({ event }),
      (err) => log.error({ event: `not ${event}`, err }),
    );
  });
}

/** Resolves at the first signal to end; a second one ends at once. */
function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        resolve(signal);
        process.once(signal, () => process.exit(1));
      });
    }
  });
}

/** One line that tells the operator what to do; foreign errors only by their shape. */
function fail(error: unknown): void {
  const known = error instanceof StartError;
  process.exitCode = known ? error.exitCode : 1;
  const text = known ? error.message : JSON.stringify(describeError(error));
  process.stderr.write(`mini-identity: ${text}\n`);
}

const [role = "all", ...words] = process.argv.slice(2);
if (Object.hasOwn(ROLES, role)) await main(role as Role, words).catch(fail);
else fail(new ConfigError(`the role is one of ${Object.keys(ROLES).join(", ")}`));
