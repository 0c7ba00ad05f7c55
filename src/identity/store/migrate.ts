import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import type { DatabaseConfig } from "../../config.ts";
import { ConfigError } from "../../config-values.ts";
import { StartError } from "../../start-error.ts";
import { connect, type Db } from "./db.ts";

/** Any number that is only ours: the advisory lock that migrations are applied under. */
const MIGRATION_LOCK = 7_305_318_842;

const FOLDER = fileURLToPath(new URL("../../../drizzle", import.meta.url));

/** Brings the schema up to date. Safe to run on many machines at once: one does it, the rest wait. */
export async function migrateDatabase(config: DatabaseConfig): Promise<void> {
  // One holds the lock, one migrates.
  const connections = connect(config, 2);
  try {
    // A transaction's lock goes with it, and stays on one connection also behind PgBouncer, which
    // would hand a session's lock to somebody else.
    await connections.begin(async (holder) => {
      await holder`select pg_advisory_xact_lock(${MIGRATION_LOCK})`;
      const db = drizzle(connections);
      refuseNewer(await latestApplied((query) => db.execute(sql.raw(query))));
      await migrate(db, { migrationsFolder: FOLDER });
    });
  } catch (error) {
    throw toStartError(error);
  } finally {
    await connections.end({ timeout: 5 });
  }
}

/** Refuses a schema that this version does not know or that was not migrated yet. */
export async function assertSchema(db: Db): Promise<void> {
  const applied = await latestApplied((query) =>
    db.run(() => db.orm.execute(sql.raw(query))),
  ).catch((error) => {
    throw toStartError(error.cause ?? error);
  });
  refuseNewer(applied);
  if (applied < latestKnown()) {
    throw new ConfigError("DATABASE_URL: the schema is older than this version; run migrate first");
  }
}

/** What keeps us out of the database, by its code alone: the text may quote the URL. */
function toStartError(error: unknown): unknown {
  if (error instanceof StartError) return error;
  const { code, name } = error as Error & { code?: string };
  return new StartError(`DATABASE_URL: PostgreSQL cannot be used: ${code ?? name}`, {
    cause: error,
  });
}

function refuseNewer(applied: number): void {
  if (applied > latestKnown()) {
    throw new ConfigError("DATABASE_URL: the schema is newer than this version knows");
  }
}

type Execute = (query: string) => PromiseLike<Iterable<Record<string, unknown>>>;

/** When the newest applied migration was written, as drizzle-kit stamps it; 0 before the first. */
async function latestApplied(execute: Execute): Promise<number> {
  const [table] = await execute("select to_regclass('drizzle.__drizzle_migrations') as name");
  if (!table?.name) return 0;
  const [row] = await execute("select max(created_at) as at from drizzle.__drizzle_migrations");
  return Number(row?.at ?? 0);
}

function latestKnown(): number {
  const journal = JSON.parse(readFileSync(`${FOLDER}/meta/_journal.json`, "utf8"));
  return Math.max(...journal.entries.map(({ when }: { when: number }) => when));
}
