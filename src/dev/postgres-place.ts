import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { PostgresBinaries } from "./postgres-binaries.ts";

/** Who runs PostgreSQL; nothing of it where we are not root. */
export interface Owner {
  uid?: number;
  gid?: number;
}

/** Where PostgreSQL runs from and where its data are. */
export interface PostgresPlace {
  binDir: string;
  clusterDir: string;
  owner: Owner;
  /** For the user: why the data are not where they were asked for. */
  note?: string;
}

/** What root may enter and `postgres` may not is replaced by a place below this one. */
const SHARED_DIR = "/var/lib/mini-identity";

/**
 * PostgreSQL refuses to run as root. Under root it runs as the user `postgres`, made if need be,
 * who often may not enter root's home: binaries and data then live in /var/lib/mini-identity.
 */
export function findPostgresPlace(clusterDir: string, binaries: PostgresBinaries): PostgresPlace {
  mkdirSync(dirname(clusterDir), { recursive: true });
  const binDir = join(binaries.dir, "bin");
  if (process.getuid?.() !== 0) return { binDir, clusterDir, owner: {} };
  const owner = ownerOf(clusterDir) ?? postgresUser();
  const shared = join(
    SHARED_DIR,
    createHash("sha256").update(clusterDir).digest("hex").slice(0, 12),
  );
  const runs = spawnSync(join(binDir, "postgres"), ["-V"], owner).status === 0;
  const place = {
    binDir: runs ? binDir : join(copyBinaries(binaries, shared, owner), "bin"),
    owner,
  };
  const moved = join(shared, "postgres");
  // Data that once went there stay in use even if the asked folder can be entered by now.
  const stays =
    existsSync(join(clusterDir, "PG_VERSION")) || !existsSync(join(moved, "PG_VERSION"));
  if (stays && mayEnter(dirname(clusterDir), owner)) return { ...place, clusterDir };
  openDir(shared);
  const note = `${clusterDir} is closed to the user postgres; the data are in ${moved}`;
  return { ...place, clusterDir: moved, note };
}

function ownerOf(clusterDir: string): Owner | undefined {
  const found = statSync(clusterDir, { throwIfNoEntry: false });
  return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : undefined;
}

function postgresUser(): Required<Owner> {
  const id = (flag: string) =>
    Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8", stdio: "pipe" }));
  try {
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    execFileSync("useradd", ["--system", "--user-group", "postgres"], { stdio: "pipe" });
    return { uid: id("-u"), gid: id("-g") };
  }
}

function mayEnter(dir: string, owner: Owner): boolean {
  return spawnSync("/bin/sh", ["-c", 'cd "$0"', dir], { ...owner, cwd: "/" }).status === 0;
}

function copyBinaries({ dir, version }: PostgresBinaries, shared: string, owner: Owner): string {
  const target = join(shared, `postgresql-${version}`);
  if (existsSync(target)) return target;
  openDir(shared);
  const draft = `${target}.new`;
  rmSync(draft, { recursive: true, force: true });
  cpSync(dir, draft, { recursive: true, verbatimSymlinks: true });
  // A checkout made under a strict umask keeps others out of its files as well.
  for (const path of [".", ...readdirSync(draft, { encoding: "utf8", recursive: true })]) {
    lchownSync(join(draft, path), owner.uid ?? 0, owner.gid ?? 0);
  }
  renameSync(draft, target);
  return target;
}

function openDir(dir: string): void {
  mkdirSync(dir, { recursive: true });
  for (const one of [SHARED_DIR, dir]) chmodSync(one, 0o755);
}
