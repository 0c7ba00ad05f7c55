import { randomBytes } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { keptSecret } from "./kept-secret.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";
import { ensureCluster } from "./postgres-cluster.ts";
import { stopOrphan } from "./postgres-orphan.ts";
import { findPostgresPlace } from "./postgres-place.ts";
import { startPostgresProcess } from "./postgres-process.ts";

/** A PostgreSQL of our own, on a free port of 127.0.0.1. */
export interface EmbeddedPostgres {
  /** Holds the password. */
  url: string;
  /** The folder that really holds the data. */
  clusterDir: string;
  /** For the user, where something is not as asked. */
  note?: string;
  close(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** False trades the data of a crash for speed: for tests. */
  durable?: boolean;
}

/**
 * Starts PostgreSQL with its data in `dataDir`, which it keeps from one start to the next; password
 * and log are beside it, in `dataDir` + `-password` and `.log`. Only one process at a time.
 */
export async function startEmbeddedPostgres(
  dataDir: string,
  { durable = true }: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const asked = resolve(dataDir);
  const place = findPostgresPlace(asked, findPostgresBinaries());
  const { clusterDir, note } = place;
  await stopOrphan(clusterDir);
  const passwordFile = `${asked}-password`;
  if (!existsSync(passwordFile)) setAside(clusterDir);
  const password = keptSecret(passwordFile, () => randomBytes(24).toString("hex"));
  await ensureCluster(place, password, durable);
  const server = await startPostgresProcess(place, `${asked}.log`, durable);
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres`,
    clusterDir,
    ...(note ? { note } : {}),
    close: server.stop,
  };
}

/**
 * Whoever removes the data folder wants an empty database, also where the data lie elsewhere: then
 * nobody knows their password any more. The last such are kept.
 */
function setAside(clusterDir: string): void {
  if (!existsSync(join(clusterDir, "PG_VERSION"))) return;
  const old = `${clusterDir}.old`;
  rmSync(old, { recursive: true, force: true });
  renameSync(clusterDir, old);
}
