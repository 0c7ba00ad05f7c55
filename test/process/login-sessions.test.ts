import { Redis } from "ioredis";
import { expect, it } from "vitest";
import type { IdentityCallError } from "../../src/client.ts";
import { startEmbeddedRedis } from "../../src/dev/embedded-redis.ts";
import { type Replica, startReplicas } from "./replicas.ts";

const KEY = "refresh-key-00000001";
const USES = 200;

const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => "OK",
    (error: IdentityCallError) => error.reason,
  );

it("gives one successor to 200 parallel uses of a refresh token on two processes", async () => {
  await using service = await startReplicas(2);
  const { simulator, replicas } = service;
  const [first] = replicas;
  const logIn = () => first.grpc.miniLogin({ code: simulator.issueCode("alice") });
  const [login, other, unkeyed] = [await logIn(), await logIn(), await logIn()];
  const useAll = (refreshToken: string, key?: string) =>
    Array.from({ length: USES }, (_, i) => {
      const request = { refreshToken, ...(key ? { idempotencyKey: key } : {}) };
      return (replicas[i % 2] as Replica).grpc.refreshToken(request);
    });
  const profile = (token: string) => reasonOf(first.grpc.getProfile({}, { token }));

  const replies = await Promise.all(useAll(login.refreshToken, KEY));
  const successors = new Set(replies.map(({ refreshToken }) => refreshToken));
  expect(successors.size).toBe(1);
  const [successor = ""] = successors;
  expect(await profile(replies[USES - 1]?.accessToken ?? "")).toBe("OK");

  // A later use, as by a thief: the login is over, the person's others are not.
  expect(await reasonOf(first.grpc.refreshToken({ refreshToken: login.refreshToken }))).toBe(
    "REFRESH_TOKEN_REUSED",
  );
  expect(await reasonOf(first.grpc.refreshToken({ refreshToken: successor }))).toBe(
    "REFRESH_TOKEN_INVALID",
  );
  expect(await profile(login.accessToken)).toBe("TOKEN_REVOKED");
  expect(await profile(other.accessToken)).toBe("OK");

  const reasons = await Promise.all(useAll(unkeyed.refreshToken).map(reasonOf));
  expect(reasons.filter((reason) => reason === "OK")).toHaveLength(1);
  expect(reasons.filter((reason) => reason === "REFRESH_TOKEN_REUSED")).toHaveLength(USES - 1);
  expect(await profile(unkeyed.accessToken)).toBe("TOKEN_REVOKED");
});

it("accepts none of 1,000 revoked logins after Redis lost everything and a restart", async () => {
  await using opened = new AsyncDisposableStack();
  const redis = opened.adopt(await startEmbeddedRedis(), (it) => it.close());
  await using service = await startReplicas(1, { REDIS_URL: redis.url });
  const { simulator, replicas } = service;
  const [before] = replicas;
  const tokens: string[] = [];
  const users = new Set<bigint>();
  for (let batch = 0; batch < 20; batch++) {
    const logins = Array.from({ length: 50 }, (_, i) =>
      before.grpc.miniLogin({ code: simulator.issueCode(`person-${i}`) }),
    );
    for (const { accessToken, user } of await Promise.all(logins)) {
      tokens.push(accessToken);
      users.add(user?.id ?? 0n);
    }
  }
  let revoked = 0;
  for (const userId of users) {
    revoked += (await before.admin.revokeUserSessions({ userId })).revoked;
  }
  expect(revoked).toBe(1_000);

  const connection = new Redis(redis.url);
  await connection.flushall();
  connection.disconnect();
  before.process.kill("SIGTERM");
  expect(await before.process.ended()).toBe(0);
  const after = await service.start();
  const reasons = new Map<string, number>();
  for (let start = 0; start < tokens.length; start += 100) {
    const calls = tokens
      .slice(start, start + 100)
      .map((token) => reasonOf(after.grpc.getProfile({}, { token })));
    for (const reason of await Promise.all(calls)) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  expect(Object.fromEntries(reasons)).toEqual({ TOKEN_REVOKED: 1_000 });
});

it("lets duplicates of a login on three processes share one call to WeChat", async () => {
  await using service = await startReplicas(3);
  const { simulator, replicas } = service;
  simulator.faults.set({ latencyMs: 300 });
  const code = simulator.issueCode("eager");
  const logins = Array.from({ length: 60 }, (_, i) =>
    (replicas[i % 3] as Replica).grpc.miniLogin({ code, idempotencyKey: "login-key-0000000001" }),
  );
  const sessions = new Set((await Promise.all(logins)).map(({ sessionId }) => sessionId));
  expect(sessions.size).toBe(1);
  expect(simulator.calls).toBe(1);
});
