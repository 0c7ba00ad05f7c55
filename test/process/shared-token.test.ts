import { expect, it } from "vitest";
import type { IdentityCallError } from "../../src/client.ts";
import { startReplicas } from "./replicas.ts";

const PROCESSES = 3;

it("asks WeChat once for the token of 1,000 cold callers on three processes", async () => {
  await using service = await startReplicas(PROCESSES);
  const { simulator, replicas } = service;
  const login = await replicas[0].grpc.miniLogin({ code: simulator.issueCode("alice") });
  const userId = login.user?.id ?? 0n;
  const check = async (i: number): Promise<{ valid: boolean } | undefined> => {
    try {
      return await replicas[i % PROCESSES]?.directory.checkSessionKey({ userId });
    } catch (error) {
      // On a slow machine so many wait too long for a database connection, and ask again.
      if ((error as IdentityCallError).reason !== "STORAGE_UNAVAILABLE") throw error;
      return check(i);
    }
  };
  const checks = Array.from({ length: 1_000 }, (_, i) => check(i));
  const replies = await Promise.all(checks);
  expect(replies.every((reply) => reply?.valid)).toBe(true);
  expect(simulator.tokenCalls).toBe(1);
});

it("asks once for each process when Redis is away", async () => {
  await using service = await startReplicas(PROCESSES, { REDIS_URL: "redis://127.0.0.1:1" });
  const { simulator, replicas } = service;
  const people = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const client = replicas[i % PROCESSES]?.grpc;
      const login = await client?.miniLogin({ code: simulator.issueCode(`person-${i}`) });
      return { client, token: login?.accessToken ?? "", phone: `138000${10_000 + i}` };
    }),
  );
  const bound = people.map(({ client, token, phone }) =>
    client?.bindPhone({ code: simulator.issuePhoneCode(phone) }, { token }),
  );
  expect(await Promise.all(bound)).toHaveLength(60);
  expect(simulator.tokenCalls).toBeGreaterThanOrEqual(1);
  expect(simulator.tokenCalls).toBeLessThanOrEqual(PROCESSES);
});
