import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

/** What a next version may do to the tables while this one still serves: expand, and nothing else. */
const EXPANSIONS = [
  "create table invitations (id bigint primary key, user_id bigint references users)",
  "alter table users add column birthday date",
  "alter table users add column locale text not null default 'zh-CN'",
  "alter table mini_accounts add column scene integer",
  "alter table sessions add column carrier text",
  "create index users_locale on users (locale)",
];

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

it("serves on, on the tables of the next version, which it does not know", async () => {
  let isOver = false;
  let rounds = 0;
  /** Every kind of statement, prepared long before, on a known and on a new person. */
  const live = async (name: string) => {
    for (let round = 0; !isOver; round++) {
      await service.grpc.miniLogin({ code: service.code(`${name}-${round}`) });
      const known = await service.grpc.miniLogin({ code: service.code(name) });
      const { accessToken: token, refreshToken } = known;
      await service.grpc.updateProfile({ nickname: `n${round}` }, { token });
      expect((await service.grpc.getProfile({}, { token })).user?.nickname).toBe(`n${round}`);
      await service.grpc.refreshToken({ refreshToken });
      await service.grpc.listSessions({}, { token });
      rounds++;
    }
  };
  const people = ["alice", "bob", "carol", "dave"].map(live);
  const nextRound = () =>
    expect.poll(() => rounds, { timeout: 20_000 }).toBeGreaterThan(rounds + 4);
  const working = Promise.all(people);
  try {
    await nextRound();
    for (const expansion of EXPANSIONS) {
      await service.sql.unsafe(expansion);
      await Promise.race([nextRound(), working]);
    }
  } finally {
    isOver = true;
  }
  await working;
  const [row] = await service.sql`select count(*)::int as count from users where locale = 'zh-CN'`;
  expect(row?.count).toBe(rounds + people.length);
}, 60_000);
