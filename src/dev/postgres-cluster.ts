import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Owner, PostgresPlace } from "./postgres-place.ts";

/**
 * Makes an empty cluster with `password` for the user `postgres`, unless there is one. It is made
 * aside and then renamed, so one that was interrupted does not count.
 */
export async function ensureCluster(
  { binDir, clusterDir, owner }: PostgresPlace,
  password: string,
  durable: boolean,
): Promise<void> {
  if (existsSync(join(clusterDir, "PG_VERSION"))) return;
  const draft = `${clusterDir}.new`;
  const passwordFile = `${clusterDir}.pw`;
  rmSync(draft, { recursive: true, force: true });
  rmSync(passwordFile, { force: true });
  mkdirSync(draft, { mode: 0o700 });
  give(draft, owner);
  writeFileSync(passwordFile, password, { mode: 0o600, flag: "wx" });
  give(passwordFile, owner);
  const flags = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--username=postgres"];
  if (!durable) flags.push("--no-sync");
  try {
    const args = [`--pgdata=${draft}`, `--pwfile=${passwordFile}`, ...flags];
    await promisify(execFile)(join(binDir, "initdb"), args, { ...owner, cwd: draft });
    renameSync(draft, clusterDir);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function give(path: string, { uid, gid }: Owner): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}
