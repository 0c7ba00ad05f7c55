import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { toDatabaseConfig } from "../../src/config.ts";
import { startEmbeddedPostgres } from "../../src/dev/embedded-postgres.ts";
import { startEmbeddedRedis } from "../../src/dev/embedded-redis.ts";
import { migrateDatabase } from "../../src/identity/store/migrate.ts";
import { createDatabase } from "./database.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A server that databases may be made on. */
    databaseUrl: string;
    /** A migrated database to copy. */
    template: string;
    redisUrl: string;
  }
}

/** PostgreSQL and Redis for the whole run: TEST_DATABASE_URL and TEST_REDIS_URL, or embedded. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  await using opened = new AsyncDisposableStack();
  const databaseUrl = process.env.TEST_DATABASE_URL ?? (await embeddedPostgres(opened));
  const redisUrl = process.env.TEST_REDIS_URL ?? (await embeddedRedis(opened));
  const template = opened.use(await createDatabase(databaseUrl));
  await migrateDatabase(toDatabaseConfig({ DATABASE_URL: template.url }));
  provide("databaseUrl", databaseUrl);
  provide("template", template.name);
  provide("redisUrl", redisUrl);
  const owned = opened.move();
  return () => owned.disposeAsync();
}

async function embeddedPostgres(opened: AsyncDisposableStack): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "mini-identity-test-"));
  opened.defer(() => rmSync(dir, { recursive: true, force: true }));
  // Closed, as it is made, it would have root's database somewhere else.
  chmodSync(dir, 0o755);
  const postgres = await startEmbeddedPostgres(join(dir, "postgres"), { durable: false });
  opened.defer(() => postgres.close());
  return postgres.url;
}

async function embeddedRedis(opened: AsyncDisposableStack): Promise<string> {
  const redis = await startEmbeddedRedis();
  opened.defer(() => redis.close());
  return redis.url;
}
