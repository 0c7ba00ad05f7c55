import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { type RedisProcess, startRedis } from "./redis-process.ts";

const PASSWORD = "p@ss,word";
const PROTECTED = ['save ""', `requirepass "${PASSWORD}"`, `masterauth "${PASSWORD}"`];

const opened = new AsyncDisposableStack();
let master: RedisProcess;
let service: TestService;
beforeAll(async () => {
  master = opened.use(await startRedis(PROTECTED));
  const replica = [...PROTECTED, `replicaof 127.0.0.1 ${master.port}`];
  opened.use(await startRedis(replica));
  const watching = [
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    `sentinel auth-pass main "${PASSWORD}"`,
    "sentinel down-after-milliseconds main 500",
    "sentinel failover-timeout main 5000",
  ];
  const sentinel = opened.use(await startRedis(watching, "--sentinel"));
  const user = `:${encodeURIComponent(PASSWORD)}`;
  // The first of the sentinels is away.
  const REDIS_URL = `redis+sentinel://${user}@127.0.0.1:1,127.0.0.1:${sentinel.port}/main`;
  service = opened.use(await startService({ env: { REDIS_URL } }));
});
afterAll(() => opened.disposeAsync());

const login = () => service.grpc.miniLogin({ code: service.code("alice") });

it("finds the master, and the next one when it is gone; logins go on meanwhile", async () => {
  await until(async () => (await login()).sessionKeyCached);
  await master.kill();
  expect(await login()).toMatchObject({ sessionKeyCached: false });
  expect((await service.identity.health()).ready).toBe(true);
  await until(async () => (await login()).sessionKeyCached);
  expect(await service.identity.health()).toMatchObject({ parts: { redis: "up" } });
});
