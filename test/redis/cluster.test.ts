import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { type RedisProcess, startRedis } from "./redis-process.ts";

const PASSWORD = "secret";
const NODE = [
  'save ""',
  "cluster-enabled yes",
  "cluster-node-timeout 1000",
  "repl-diskless-sync-delay 0",
  `requirepass ${PASSWORD}`,
  `masterauth ${PASSWORD}`,
];

/** Their keys lie in many slots. */
const PEOPLE = Array.from({ length: 20 }, (_, index) => `person-${index}`);

const opened = new AsyncDisposableStack();
let masters: RedisProcess[];
let service: TestService;
beforeAll(async () => {
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startRedis(NODE)));
  for (const node of nodes) opened.use(node);
  // redis-cli makes masters of the first half.
  masters = nodes.slice(0, 3);
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const create = ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"];
  await promisify(execFile)("redis-cli", ["-a", PASSWORD, "--no-auth-warning", ...create]);
  const REDIS_URL = `redis://:${PASSWORD}@${addresses.slice(0, 2).join(",")}`;
  const env = { REDIS_URL, RATE_LIMIT_LOGIN: "1000/1h" };
  service = opened.use(await startService({ env }));
});
afterAll(() => opened.disposeAsync());

const logins = () =>
  Promise.all(PEOPLE.map((person) => service.grpc.miniLogin({ code: service.code(person) })));
const areCached = async () => (await logins()).every(({ sessionKeyCached }) => sessionKeyCached);

it("keeps session_keys in every part of it, and finds them there", async () => {
  await until(areCached);
  const counts = await askMasters((it) => it.dbsize());
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(PEOPLE.length);
  const [id] = (await logins()).map(({ user }) => user?.id);
  const key = await service.directory.checkSessionKey({ userId: id ?? 0n });
  expect(key).toMatchObject({ valid: true });
});

it("counts logins there", async () => {
  const left = async () => {
    const response = await fetch(`${service.gateway}/api/v1/auth/mini-login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code: service.code("alice") }),
    });
    return Number(/;r=(\d+);/.exec(response.headers.get("ratelimit") ?? "")?.[1]);
  };
  const before = await left();
  expect(await left()).toBe(before - 1);
});

it("goes on when one of its masters dies, and uses whoever takes its place", async () => {
  const hasReplica = (text: string) => /state=online/.test(text);
  await until(async () => (await askMasters((it) => it.info("replication"))).every(hasReplica));
  await masters[0]?.kill();
  expect((await logins()).length).toBe(PEOPLE.length);
  await until(areCached);
});

function askMasters<T>(ask: (redis: Redis) => Promise<T>): Promise<T[]> {
  return Promise.all(
    masters.map(async ({ port }) => {
      const redis = new Redis({ port, password: PASSWORD });
      return ask(redis).finally(() => redis.disconnect());
    }),
  );
}
