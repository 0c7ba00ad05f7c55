import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService({ wechatTimeoutMs: 10_000 });
});
afterAll(() => service?.[Symbol.asyncDispose]());

it("makes 100 users of 1,000 concurrent first logins of 100 people", async () => {
  const people = Array.from({ length: 100 }, (_, i) => `person-${i}`);
  const clients = [service.grpc, service.connect, service.identity.client];
  const logins = Array.from({ length: 10 }, (_, round) =>
    people.map(async (name) => {
      const client = clients[round % clients.length] as (typeof clients)[number];
      const reply = await client.miniLogin({ code: service.code(name) }, { timeoutMs: 10_000 });
      return { name, id: reply.user?.id, isNewUser: reply.isNewUser };
    }),
  ).flat();
  const replies = await Promise.all(logins);

  for (const [name, mine] of Map.groupBy(replies, (reply) => reply.name)) {
    expect(new Set(mine.map(({ id }) => id)).size, name).toBe(1);
    expect(mine.filter(({ isNewUser }) => isNewUser).length, name).toBe(1);
  }
  const [rows] = await service.sql`
    select (select count(*)::int from users) as users,
           (select count(*)::int from mini_accounts) as accounts`;
  expect(rows).toEqual({ users: 100, accounts: 100 });
});

it("lets one of many changes of the same version through", async () => {
  const { accessToken: token, user } = await service.grpc.miniLogin({ code: service.code("eve") });
  const expectedVersion = user?.version as bigint;
  const changes = Array.from({ length: 20 }, (_, i) =>
    service.grpc.updateProfile({ nickname: `name ${i}`, expectedVersion }, { token }).then(
      () => "OK",
      (error) => error.reason as string,
    ),
  );
  const outcomes = await Promise.all(changes);
  expect(outcomes.filter((outcome) => outcome === "OK")).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === "PROFILE_CONFLICT")).toHaveLength(19);
});
