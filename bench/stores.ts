import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import postgres from "postgres";
import { startEmbeddedPostgres } from "../src/dev/embedded-postgres.ts";
import { startEmbeddedRedis } from "../src/dev/embedded-redis.ts";

/** The PostgreSQL and the Redis that the bench runs on. */
export interface Stores {
  /** A database on which others may be made. */
  sql: postgres.Sql;
  databaseUrl: string;
  redis: Redis;
  redisUrl: string;
  /** A folder of the bench's own. */
  dir: string;
  /** Name, version and place of each. */
  descriptions: string[];
}

/**
 * BENCH_DATABASE_URL and BENCH_REDIS_URL, else what the tests are given, else what answers on this
 * machine, else embedded ones.
 */
export async function openStores(opened: AsyncDisposableStack): Promise<Stores> {
  const dir = openDir(opened);
  const { BENCH_DATABASE_URL, TEST_DATABASE_URL, BENCH_REDIS_URL, TEST_REDIS_URL } = process.env;
  const database = await choose(connectPostgres, {
    given: BENCH_DATABASE_URL || TEST_DATABASE_URL,
    local: "postgres://postgres@127.0.0.1:5432/postgres",
    embed: async () => {
      const server = await startEmbeddedPostgres(join(dir, "postgres"));
      opened.defer(() => server.close());
      return server.url;
    },
  });
  const sql = opened.adopt(database.connection, (it) => it.end({ timeout: 1 }));
  const cache = await choose(connectRedis, {
    given: BENCH_REDIS_URL || TEST_REDIS_URL,
    local: "redis://127.0.0.1:6379",
    embed: async () => {
      const server = await startEmbeddedRedis();
      opened.defer(() => server.close());
      return server.url;
    },
  });
  const redis = opened.adopt(cache.connection, (it) => it.disconnect());
  const [row] = await sql`show server_version`;
  const version = /redis_version:(\S+)/.exec(await redis.info("server"))?.[1];
  const descriptions = [
    `PostgreSQL ${String(row?.server_version).split(" ")[0]} ${database.where}`,
    `Redis ${version} ${cache.where}`,
  ];
  return { sql, databaseUrl: database.url, redis, redisUrl: cache.url, dir, descriptions };
}

function openDir(opened: AsyncDisposableStack): string {
  const dir = mkdtempSync(join(tmpdir(), "mini-identity-bench-"));
  opened.defer(() => rmSync(dir, { recursive: true, force: true }));
  // Closed, as it is made, it would have root's database somewhere else.
  chmodSync(dir, 0o755);
  return dir;
}

interface Choice {
  given: string | undefined;
  local: string;
  embed(): Promise<string>;
}

async function choose<T>(connect: (url: string) => Promise<T>, { given, local, embed }: Choice) {
  if (given) return { connection: await connect(given), url: given, where: `at ${hostOf(given)}` };
  const found = await connect(local).catch(() => undefined);
  if (found) return { connection: found, url: local, where: `found at ${hostOf(local)}` };
  const url = await embed();
  return { connection: await connect(url), url, where: "embedded" };
}

/** Never the password. */
function hostOf(url: string): string {
  return URL.parse(url)?.host ?? "";
}

async function connectPostgres(url: string): Promise<postgres.Sql> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    await sql`select 1`;
    return sql;
  } catch (error) {
    await sql.end({ timeout: 1 });
    throw new Error("PostgreSQL does not answer", { cause: error });
  }
}

async function connectRedis(url: string): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 2_000, retryStrategy: null });
  redis.on("error", () => {});
  try {
    await redis.connect();
    return redis;
  } catch (error) {
    redis.disconnect();
    throw new Error("Redis does not answer", { cause: error });
  }
}
