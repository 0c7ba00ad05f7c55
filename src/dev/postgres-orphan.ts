import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../start-error.ts";

/** The setting that names the process that started a PostgreSQL. */
export const OWNER_SETTING = "mini_identity.owner_pid";

/**
 * Stops the PostgreSQL that a killed process left behind on this cluster.
 *
 * @throws StartError when the process that started it still runs.
 */
export async function stopOrphan(clusterDir: string): Promise<void> {
  const pidFile = join(clusterDir, "postmaster.pid");
  const pid = readPid(pidFile);
  if (pid === undefined) return;
  const line = commandLine(pid);
  if (!line?.includes(clusterDir)) {
    // A restarted container hands out the same pids: PostgreSQL alone would think it still runs.
    if (line !== undefined) rmSync(pidFile, { force: true });
    return;
  }
  const owner = Number(line.match(`${OWNER_SETTING}=(\\d+)`)?.[1]);
  if (isAlive(owner)) throw new StartError(`process ${owner} already uses ${clusterDir}`);
  process.kill(pid, "SIGINT");
  const endMs = Date.now() + 10_000;
  while (commandLine(pid)?.includes(clusterDir)) {
    if (Date.now() > endMs)
      throw new StartError(`PostgreSQL ${pid} on ${clusterDir} does not stop`);
    await sleep(20);
  }
}

function readPid(pidFile: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(pidFile, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
}

/** Empty where nothing of that pid runs, undefined where nobody can tell. */
function commandLine(pid: number): string | undefined {
  if (!isAlive(pid)) return "";
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    const { status, stdout } = spawnSync("ps", ["-o", "args=", "-p", String(pid)]);
    return status === 0 ? String(stdout) : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
