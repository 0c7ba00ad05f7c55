import { setTimeout as sleep } from "node:timers/promises";
import { DrizzleQueryError } from "drizzle-orm";
import type { PgDatabase } from "drizzle-orm/pg-core";
import {
  drizzle,
  type PostgresJsDatabase,
  type PostgresJsQueryResultHKT,
} from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { DatabaseConfig } from "../../config.ts";
import { after, withTimeout } from "../../timeout.ts";
import { traced } from "../../tracing.ts";
import { IdentityError } from "../errors.ts";
import { createSocketFactory } from "./watched-socket.ts";

const MAX_ATTEMPTS = 3;
const RETRY_DELAY_MS = 25;

/** More than a query may run; idle connections are ended, politely, before that. */
const SILENCE_MS = 6_000;

const SPAN = {
  name: "PostgreSQL",
  kind: "client",
  attributes: { "db.system.name": "postgresql" },
} as const;

export type Database = PostgresJsDatabase;

/** The database, or a transaction in it. */
export type Executor = PgDatabase<PostgresJsQueryResultHKT>;

/** PostgreSQL behind a bounded wait, a bounded run and one kind of error. */
export interface Db {
  /** For building queries; run them with {@link Db.run}. */
  readonly orm: Database;
  /**
   * Runs a query. Refuses with STORAGE_UNAVAILABLE when PostgreSQL is away or too slow.
   * `repeatable` says that running it twice does no harm: it is then asked again, three times in
   * all, when the connection broke.
   */
  run<T>(query: () => PromiseLike<T>, options?: { repeatable?: boolean }): Promise<T>;
  /** Whether PostgreSQL answers. */
  isReady(): Promise<boolean>;
  close(): Promise<void>;
}

export interface DbOptions {
  /** Told how long each query waited for a connection. */
  onWait?(seconds: number): void;
}

export function openDb(config: DatabaseConfig, { onWait = () => {} }: DbOptions = {}): Db {
  const sql = connect(config, config.poolSize, {
    idle_timeout: SILENCE_MS / 2_000,
    socket: createSocketFactory(SILENCE_MS),
  });
  const gate = createGate(config.poolSize, config.waitTimeoutMs);
  const once = async <T>(query: () => PromiseLike<T>): Promise<T> => {
    const startedAt = performance.now();
    const leave = await gate().finally(() => onWait((performance.now() - startedAt) / 1_000));
    // The place is given back when the query ends, not when its caller stops waiting; and after a
    // failure a little later, since a connection that broke is closed a moment after its query.
    const running = Promise.resolve(query());
    running.then(leave, () => setTimeout(leave, RETRY_DELAY_MS));
    const result = await withTimeout(running, config.queryTimeoutMs, () => {
      return new QueryTimeout("the query took too long");
    });
    return withoutHoles(result);
  };
  const repeatedly = async <T>(query: () => PromiseLike<T>, repeatable: boolean): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(query);
      } catch (error) {
        const again = repeatable && attempt < MAX_ATTEMPTS && isBrokenConnection(error);
        if (!again) throw isUnavailable(error) ? unavailable(error) : error;
        // Of connections that broke together, each is only known to be broken when it is read.
        await sleep(RETRY_DELAY_MS);
      }
    }
  };
  const db: Db = {
    orm: drizzle(sql),
    run: (query, { repeatable = false } = {}) => traced(SPAN, () => repeatedly(query, repeatable)),
    isReady: () =>
      db
        .run(() => sql`select 1`, { repeatable: true })
        .then(
          () => true,
          () => false,
        ),
    close: () => sql.end({ timeout: 5 }),
  };
  return db;
}

/** A bare connection pool, for migrations and locks too. */
export function connect(config: DatabaseConfig, max: number, extra: object = {}): postgres.Sql {
  return postgres(config.url, {
    max,
    connect_timeout: config.connectTimeoutMs / 1_000,
    // Reconnect at once: the calls that wait for it have timers of their own.
    backoff: () => 0.05,
    onnotice: () => {},
    // A query of its own on each new connection, whose failure nobody would hear of but the process, which ended.
    // It is only for parameters that are arrays; we have none.
    fetch_types: false,
    connection: { application_name: "mini-identity" },
    ...extra,
  });
}

/** Lets `places` callers in at a time; a further one waits `waitTimeoutMs` at most. */
function createGate(places: number, waitTimeoutMs: number): () => Promise<() => void> {
  let free = places;
  const waiting = new Set<() => void>();
  const leave = () => {
    const [next] = waiting;
    if (next) next();
    else free++;
  };
  return () =>
    new Promise((resolve, reject) => {
      if (free > 0) {
        free--;
        resolve(leave);
        return;
      }
      const stop = after(waitTimeoutMs, () => {
        waiting.delete(enter);
        reject(new QueryTimeout("no database connection became free in time"));
      });
      const enter = () => {
        stop();
        waiting.delete(enter);
        resolve(leave);
      };
      waiting.add(enter);
    });
}

/**
 * After a query that failed in the middle of its rows, postgres.js 3.4.9 goes on counting where it was
 * (porsager/postgres#1119): the rows of the next query on that connection come after as many holes.
 */
function withoutHoles<T>(result: T): T {
  if (!Array.isArray(result) || result.length === 0 || Object.hasOwn(result, 0)) return result;
  return result.filter(() => true) as T;
}

class QueryTimeout extends Error {
  override readonly name = "QueryTimeout";
}

function codeOf(error: unknown): string {
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  return String((cause as { code?: unknown } | undefined)?.code ?? "");
}

export function isUniqueViolation(error: unknown): boolean {
  return codeOf(error) === "23505";
}

/** The connection ended before the reply. SQLSTATE class 57P: the server is being shut down. */
function isBrokenConnection(error: unknown): boolean {
  return /^(CONNECTION_|ECONNRESET|EPIPE|57P0)/.test(codeOf(error));
}

/** SQLSTATE 53: no resources, 08: connection, 57: operator, 25006: a read-only standby. */
function isUnavailable(error: unknown): boolean {
  if (error instanceof QueryTimeout) return true;
  return /^(CONNECT|ECONN|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|EPIPE|ENOENT|53\d|08\d|57\d|57P0|25006)/.test(
    codeOf(error),
  );
}

function unavailable(cause: unknown): IdentityError {
  const message = "the database is not available";
  return new IdentityError("STORAGE_UNAVAILABLE", message, { retryAfterMs: 1_000, cause });
}
