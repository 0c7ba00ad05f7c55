import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Role } from "./config.ts";
import type { Logger } from "./log.ts";
import type { Health } from "./ops-server.ts";
import { StartError } from "./start-error.ts";
import { type Answer, isAnswer, isReady, type Order } from "./worker.ts";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

/** From the fork to the first call that it takes. */
const START_TIMEOUT_MS = 30_000;

/** More than a worker drains. */
const STOP_TIMEOUT_MS = 15_000;

/** One that does not tell its health in time counts as not ready. */
const ANSWER_TIMEOUTS_MS = { health: 1_000, reload: 10_000 };

/** Between two tries to replace a worker that does not start. */
const [MIN_PAUSE_MS, MAX_PAUSE_MS] = [100, 10_000];

export interface WorkersOptions {
  role: Role;
  count: number;
  /** Settings over those of this process. */
  env: Readonly<Record<string, string>>;
  log: Logger;
}

/** Several processes of one role behind the same addresses (node:cluster hands out the connections). */
export interface Workers extends AsyncDisposable {
  /** Where each of them listens. */
  addresses: Record<string, string>;
  /** Ready while one of them is; of each part the worst. */
  health(): Promise<Health>;
  /** From now on none is ready and says so; calls are still taken. */
  leave(): void;
  /** Has each of them read again what may change while it runs. */
  reload(): Promise<void>;
  /** Puts a new one in the place of each, one after the other; calls go on. */
  replace(): Promise<void>;
}

/** Starts them, and from then on puts a new one in the place of each that dies. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const { role, count, log } = options;
  cluster.setupPrimary({ exec: MAIN, args: [role] });
  const running = new Set<Worker>();
  let [isLeaving, isStopping] = [false, false];
  let replacing: Promise<void> | undefined;

  const start = async () => {
    const { worker, addresses } = await fork(options.env);
    running.add(worker);
    worker.once("exit", (code, signal) => {
      if (!running.delete(worker) || isStopping) return;
      log.error({ event: "worker died", worker: worker.id, code, signal });
      void revive();
    });
    return addresses;
  };
  const revive = async () => {
    for (let pauseMs = MIN_PAUSE_MS; !isStopping; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      await sleep(pauseMs, undefined, { ref: false });
      const isStarted = await start().then(
        () => true,
        (err) => void log.error({ event: "worker not started", err }),
      );
      if (isStarted) return;
    }
  };
  const retire = async (worker: Worker) => {
    running.delete(worker);
    await stop(worker);
  };
  const replaceAll = async () => {
    for (const old of [...running]) {
      if (isStopping) return;
      await start();
      await retire(old);
    }
  };
  const close = async () => {
    isStopping = true;
    await Promise.all([...running].map(retire));
  };

  // A process that is made to end takes them along; one that is killed, they notice by themselves.
  process.once("exit", () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  });
  try {
    // One first: what keeps it from starting would keep all of them.
    const addresses = await start();
    await Promise.all(Array.from({ length: count - 1 }, start));
    return {
      addresses,
      health: async () =>
        toHealth(await Promise.all([...running].map(askHealth)), count, isLeaving),
      leave: () => {
        isLeaving = true;
        for (const worker of running) worker.send({ order: "leave", id: 0 } satisfies Order);
      },
      reload: async () => {
        await Promise.all([...running].map((worker) => ask(worker, "reload")));
      },
      replace: () => {
        replacing ??= replaceAll().finally(() => {
          replacing = undefined;
        });
        return replacing;
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Resolves when it takes calls; rejects when it ends before. */
async function fork(env: Readonly<Record<string, string>>) {
  const worker = cluster.fork(env);
  try {
    const toAddresses = (said: unknown) => (isReady(said) ? said.addresses : undefined);
    return { worker, addresses: await hear(worker, toAddresses, START_TIMEOUT_MS) };
  } catch (error) {
    worker.process.kill("SIGKILL");
    throw error;
  }
}

/** The first thing that a worker says of which `find` makes something. */
function hear<T>(
  worker: Worker,
  find: (said: unknown) => T | undefined,
  timeoutMs: number,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const listen = (said: unknown) => {
    const found = find(said);
    if (found !== undefined) resolve(found);
  };
  const end = (code: number | null) => reject(new WorkerError(code));
  const timer = setTimeout(() => reject(new WorkerError(null)), timeoutMs);
  worker.on("message", listen).once("exit", end);
  return promise.finally(() => {
    clearTimeout(timer);
    worker.off("message", listen).off("exit", end);
  });
}

/** A worker that ended, or is silent. Why it did not start, it has said itself. */
class WorkerError extends StartError {
  override readonly exitCode: number;

  constructor(code: number | null) {
    super("a worker does not start, or does not answer");
    this.exitCode = code || 1;
  }
}

async function stop(worker: Worker): Promise<void> {
  if (worker.isDead()) return;
  const exited = once(worker, "exit");
  if (worker.isConnected()) worker.send({ order: "stop", id: 0 } satisfies Order);
  const timer = setTimeout(() => worker.process.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

let lastId = 0;

/** What it answers; rejects when it fails, or is silent. */
async function ask(worker: Worker, order: "health" | "reload"): Promise<Answer> {
  const id = ++lastId;
  const toAnswer = (said: unknown) => (isAnswer(said, id) ? said : undefined);
  const answer = hear(worker, toAnswer, ANSWER_TIMEOUTS_MS[order]);
  worker.send({ order, id } satisfies Order);
  const { failed, ...rest } = await answer;
  if (failed) throw new Error(`worker ${worker.id} failed at ${order}: ${failed}`);
  return rest;
}

async function askHealth(worker: Worker): Promise<Health | undefined> {
  return (await ask(worker, "health").catch(() => undefined))?.health;
}

const WORST = ["up", "degraded", "down"] as const;

function toHealth(
  answers: readonly (Health | undefined)[],
  count: number,
  isLeaving: boolean,
): Health {
  const healths = answers.filter((health) => health !== undefined);
  const ready = healths.filter((health) => health.ready).length;
  const parts: Health["parts"] = {
    workers: ready >= count ? "up" : ready > 0 ? "degraded" : "down",
  };
  for (const [name, state] of healths.flatMap((health) => Object.entries(health.parts))) {
    const before = parts[name] ?? "up";
    parts[name] = WORST.indexOf(state) > WORST.indexOf(before) ? state : before;
  }
  return { ready: ready > 0 && !isLeaving, parts };
}
