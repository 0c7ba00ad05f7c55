import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Sql } from "postgres";
import type { Stage } from "./stage.ts";
import type { Stores } from "./stores.ts";

/** PostgreSQL's backends report what they did when they go idle or end: soon, but not at once. */
const SETTLE_TIMEOUT_MS = 15_000;

/** What one login asks of others, as a line. `work` logs in and tells how often. */
export async function countPerLogin(
  { appId, database, servers: { wechat } }: Stage,
  { sql, redis }: Stores,
  work: () => Promise<number>,
): Promise<string> {
  const transactionsBefore = await countTransactions(sql, database);
  const callsBefore = await wechat.metric("wechat_calls");
  await using commands = await watchCommands(redis, `identity:session_key:${appId}:`);
  const logins = await work();
  const calls = (await wechat.metric("wechat_calls")) - callsBefore;
  if (calls !== logins) throw new Error(`${logins} logins made ${calls} calls to WeChat`);
  const transactions = (await countTransactions(sql, database)) - transactionsBefore;
  const perLogin = (count: number) => (count / logins).toFixed(2);
  const names = [...commands.counts].map(([name, count]) => `${perLogin(count)} Redis ${name}`);
  return `A returning login is ${perLogin(calls)} calls to WeChat, ${names.join(", ")} and
${perLogin(transactions)} PostgreSQL transactions, with the health checks and those of new connections
(${logins} logins, not timed).
`;
}

/** Those that ended so far, once every backend has reported them. */
async function countTransactions(sql: Sql, database: string): Promise<number> {
  const [start] = await sql`select clock_timestamp()::text as now`;
  const now: string = start?.now;
  const endMs = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    // One that went idle a second after its last report has reported again.
    const [found] = await sql`
      select xact_commit::int as transactions,
        (select count(*)::int from pg_stat_activity
          where datname = ${database} and application_name = 'mini-identity'
            and state_change < ${now}::timestamptz + interval '1.2 s') as silent
      from pg_stat_database where datname = ${database}`;
    if (found?.silent === 0) return found.transactions;
    if (Date.now() > endMs) throw new Error("PostgreSQL's statistics do not settle");
    await sleep(100);
  }
}

/** Counts by name the commands that name a key of ours. It slows Redis down: nothing for a timed run. */
async function watchCommands(redis: Redis, keyPrefix: string) {
  const counts = new Map<string, number>();
  const monitor = await redis.monitor();
  monitor.on("monitor", (_time: string, [name = "", ...args]: string[]) => {
    if (!args.some((arg) => arg.startsWith(keyPrefix))) return;
    counts.set(name.toUpperCase(), (counts.get(name.toUpperCase()) ?? 0) + 1);
  });
  return { counts, [Symbol.asyncDispose]: async () => monitor.disconnect() };
}
