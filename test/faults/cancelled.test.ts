import { expect, it } from "vitest";
import { startService } from "../support/service.ts";
import { until } from "../support/until.ts";

const CALLS = 1_000;
const LATENCY_MS = 400;

it("cancelled calls: of 1,000 logins given up while WeChat thinks or in line none writes anything", {
  timeout: 60_000,
}, async () => {
  await using service = await startService();
  await service.grpc.miniLogin({ code: service.code("before") });
  const rowsOf = async () => service.sql`
    select (select count(*)::int from users) users, (select count(*)::int from mini_accounts) accounts,
      (select count(*)::int from sessions) sessions`;
  const keysOf = async () => (await service.redis.keys(`identity:*${service.appId}*`)).sort();
  const before = { rows: await rowsOf(), keys: await keysOf() };

  service.simulator.faults.set({ latencyMs: LATENCY_MS });
  const gone = new AbortController();
  const asked = service.simulator.calls;
  const logins = Array.from({ length: CALLS }, (_, number) =>
    service.grpc.miniLogin({ code: service.code(`gone-${number}`) }, { signal: gone.signal }).then(
      () => "in",
      () => "out",
    ),
  );
  // As many as may ask WeChat at a time do, and the others stand in line.
  await until(() => service.simulator.calls >= asked + 64);
  gone.abort();
  const outcomes = await Promise.all(logins);
  const cancelled = () => service.logs.filter(({ reason }) => reason === "OVERLOADED").length;
  await until(() => cancelled() === CALLS);
  expect(new Set(outcomes)).toEqual(new Set(["out"]));

  // One login after another: what WeChat held back would have come by the end of the second.
  for (const _ of [1, 2]) await service.grpc.miniLogin({ code: service.code("before") });
  service.simulator.faults.clear();
  const [rows] = before.rows;
  expect([...(await rowsOf())]).toEqual([{ ...rows, sessions: rows?.sessions + 2 }]);
  expect(await keysOf()).toEqual(before.keys);
});
