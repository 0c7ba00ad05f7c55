import cluster from "node:cluster";
import { type Env, type Role, toOpsListen, toWorkerCount } from "./config.ts";
import { formatAddress } from "./listen.ts";
import type { Logger } from "./log.ts";
import { createWorkerMetrics } from "./metrics.ts";
import { startOpsServer } from "./ops-server.ts";
import { ROLES, type Running, surround } from "./roles.ts";
import { startWorkers } from "./workers.ts";

/** Starts a role, in WORKERS processes where that is more than one, and tells of it at OPS_LISTEN. */
export async function startRole(
  role: Role,
  env: Env,
  log: Logger,
  words: readonly string[],
): Promise<Running | undefined> {
  if (cluster.isWorker) return ROLES[role](env, log, words);
  await using opened = new AsyncDisposableStack();
  const isShared = role === "all" || role === "identity";
  const count = isShared ? toWorkerCount(env) : 1;
  const started =
    isShared && count > 1
      ? await startSeveral(role, env, log, count)
      : await ROLES[role](env, log, words);
  if (!started?.ops) return started;
  opened.use(started);
  const ops = opened.adopt(await startOpsServer(toOpsListen(env), started.ops), (it) => it.close());
  const owned = opened.move();
  return {
    ...started,
    addresses: { ...started.addresses, ops: formatAddress(ops.address) },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startSeveral(
  role: "all" | "identity",
  given: Env,
  log: Logger,
  count: number,
): Promise<Running> {
  await using opened = new AsyncDisposableStack();
  const around = opened.use(await surround(role, given));
  const found = Object.entries(around.env).filter(
    ([name]) => given[name as keyof Env] === undefined,
  );
  const env = Object.fromEntries(found);
  const workers = opened.use(await startWorkers({ role, count, env, log }));
  const { health, leave, reload, replace } = workers;
  const owned = opened.move();
  return {
    addresses: { ...workers.addresses, ...around.addresses },
    ops: { metrics: createWorkerMetrics(), health },
    leave,
    reload,
    replace,
    ...(around.welcome ? { welcome: around.welcome } : {}),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
