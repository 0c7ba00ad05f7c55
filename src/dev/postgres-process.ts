import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "../listen.ts";
import { StartError } from "../start-error.ts";
import { OWNER_SETTING } from "./postgres-orphan.ts";
import type { PostgresPlace } from "./postgres-place.ts";

/** A running PostgreSQL. */
export interface PostgresProcess {
  port: number;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const FAST_STOP_TIMEOUT_MS = 10_000;

/** Starts PostgreSQL on a free port and waits until it takes connections. */
export async function startPostgresProcess(
  { binDir, clusterDir, owner }: PostgresPlace,
  logFile: string,
  durable: boolean,
): Promise<PostgresProcess> {
  const port = await findFreePort();
  const settings = [
    "listen_addresses=127.0.0.1",
    `port=${port}`,
    // A socket file would be one more thing to collide and to clean up.
    "unix_socket_directories=",
    `${OWNER_SETTING}=${process.pid}`,
    ...(durable ? [] : ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]),
  ];
  // A file and no pipe: PostgreSQL must be able to log even when we are gone.
  const log = openSync(logFile, "w", 0o600);
  const child = spawn(
    join(binDir, "postgres"),
    ["-D", clusterDir, ...settings.flatMap((setting) => ["-c", setting])],
    // A group of its own: Ctrl-C on the terminal reaches only us, who then stop it in order.
    { ...owner, cwd: clusterDir, detached: true, stdio: ["ignore", log, log] },
  );
  closeSync(log);
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  failed.catch(() => {});
  const stopAtExit = () => child.kill("SIGINT");
  process.once("exit", stopAtExit);
  const stop = async () => {
    await stopChild(child);
    process.off("exit", stopAtExit);
  };
  try {
    await Promise.race([failed, waitUntilReady(child, clusterDir, logFile)]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

async function waitUntilReady(child: ChildProcess, clusterDir: string, logFile: string) {
  const endMs = Date.now() + START_TIMEOUT_MS;
  while (!isReady(child.pid, clusterDir)) {
    if (hasEnded(child) || Date.now() > endMs) {
      throw new StartError(`PostgreSQL does not start: see ${logFile}`);
    }
    await sleep(10);
  }
}

/** The first line of postmaster.pid is the pid, the eighth the state. */
function isReady(pid: number | undefined, clusterDir: string): boolean {
  try {
    const lines = readFileSync(join(clusterDir, "postmaster.pid"), "utf8").split("\n");
    return lines[0] === String(pid) && lines[7]?.trim() === "ready";
  } catch {
    return false;
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = once(child, "exit");
  // Fast: rolls back what runs. Immediate, if that hangs: the next start recovers.
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGQUIT"), FAST_STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function findFreePort(): Promise<number> {
  await using server = createServer();
  return (await listen(server, { host: "127.0.0.1", port: 0 })).port;
}
