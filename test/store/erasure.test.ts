import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { recognise } from "../../src/identity/accounts.ts";
import type { AppId, Openid, Unionid, UserId } from "../../src/identity/ids.ts";
import { createRefreshTokens } from "../../src/identity/refresh-tokens.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import { createDeletionStore, type DeletionStore } from "../../src/identity/store/deletions.ts";
import { createErasureStore, type ErasureStore } from "../../src/identity/store/erasure.ts";
import { createLoginStore } from "../../src/identity/store/logins.ts";
import { createUnionStore } from "../../src/identity/store/unions.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "../support/until.ts";

let database: TestDatabase;
let db: Db;
let sql: postgres.Sql;
let deps: Parameters<typeof recognise>[0];
let erasure: ErasureStore;
let deletions: DeletionStore;
beforeAll(async () => {
  database = await createDatabase(inject("databaseUrl"), inject("template"));
  db = openDb({ ...toDatabaseConfig({ DATABASE_URL: database.url }), queryTimeoutMs: 20_000 });
  sql = postgres(database.url, { max: 3, onnotice: () => {} });
  deps = { logins: createLoginStore(db), unions: createUnionStore(db) };
  erasure = createErasureStore(db);
  deletions = createDeletionStore(db);
});
afterAll(async () => {
  await db?.close();
  await sql?.end();
  await database?.[Symbol.asyncDispose]();
});

const tokens = createRefreshTokens(randomBytes(32));

/** Makes each case's people its own. */
let salt: string;
let person: UserId;
beforeEach(async () => {
  salt = randomBytes(4).toString("hex");
  person = (await logIn({ nickname: "old" })).user.id;
});

function logIn({ app = "a", nickname = "new", token = tokens.first() } = {}) {
  const account = {
    appId: `wx${app}` as AppId,
    openid: `o${app}${salt}` as Openid,
    unionid: `uuuuuu${salt}` as Unionid,
    unionScope: "main",
  };
  const session = { ...token, id: token.loginSessionId, device: "", ttlSeconds: 60 };
  return recognise(deps, account, { nickname, avatarUrl: "" }, session);
}

const makeDue = () => sql`update users set erase_after = now() where id = ${person}`;

/** What is left of a user, in numbers. */
async function left(id: number) {
  const [row] = await sql`
    select (select count(*)::int from users where id = ${id}) as users,
           (select count(*)::int from mini_accounts where user_id = ${id}) as accounts,
           (select count(*)::int from sessions where user_id = ${id}) as sessions`;
  return row;
}
const sessionOf = async (token: { loginSessionId: string }) =>
  (await sql`select revoked_at from sessions where id = ${token.loginSessionId}`)[0];
const eraseAfter = async () =>
  (await sql`select erase_after from users where id = ${person}`)[0]?.erase_after;

/** Holds up what needs the rows that `lock` locks, until so many statements wait. */
async function holdingUp(
  lock: (tx: postgres.TransactionSql) => Promise<unknown>,
  work: () => Promise<void>,
) {
  await sql
    .begin(async (tx) => {
      await lock(tx);
      await work();
      throw new Error("released");
    })
    .catch((error) => {
      if (error.message !== "released") throw error;
    });
}
const waiting = (count: number) =>
  until(async () => {
    const [row] = await sql`
      select count(*)::int as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return row?.count === count;
  });

/** Holds up a login after it has found its person. */
const lockLogin = (token: { loginSessionId: string }) => async (tx: postgres.TransactionSql) => {
  const [other] = await tx`
    insert into users (username, nickname, registration_source)
    values (${salt}, 'bystander', 'miniapp') returning id`;
  await tx`
    insert into sessions (id, user_id, app_id, openid, device, family_hash, token_hash, expires_at)
    values (${token.loginSessionId}, ${other?.id}, 'wx', 'o', '', '', '', now())`;
};

describe("a login that races with the erasure", () => {
  it.each(["a", "b"])(
    "comes too late, in the mini program %s, and is somebody new",
    async (app) => {
      await makeDue();
      let erased: Promise<number> | undefined;
      let login: ReturnType<typeof logIn> | undefined;
      const lock = (tx: postgres.TransactionSql) =>
        tx`select from mini_accounts where user_id = ${person} for update`;
      await holdingUp(lock, async () => {
        erased = erasure.erase(100);
        await waiting(1);
        login = logIn({ app });
        await waiting(2);
      });
      expect(await erased).toBe(1);
      const reply = await login;
      expect(reply).toMatchObject({ isNewUser: true, isOpen: true, user: { nickname: "new" } });
      expect(reply?.user.id).not.toBe(person);
      expect(await left(person)).toEqual({ users: 0, accounts: 0, sessions: 0 });
      expect(await left(reply?.user.id ?? 0)).toEqual({ users: 1, accounts: 1, sessions: 1 });
    },
  );

  it("comes first, and keeps the whole person", async () => {
    await makeDue();
    const token = tokens.first();
    let erased: Promise<number> | undefined;
    let login: ReturnType<typeof logIn> | undefined;
    await holdingUp(lockLogin(token), async () => {
      login = logIn({ token });
      await waiting(1);
      erased = erasure.erase(100);
      await Promise.race([erased, waiting(2)]);
    });
    expect(await login).toMatchObject({ isNewUser: false, user: { id: person, nickname: "old" } });
    expect(await erased).toBe(0);
    expect(await left(person)).toEqual({ users: 1, accounts: 1, sessions: 2 });
    expect(await eraseAfter()).toBeNull();
    expect(await erasure.erase(100)).toBe(0);
  });

  it("is the old person whole or a new one, whoever is faster", async () => {
    let nickname = "old";
    for (let round = 0; round < 40; round++) {
      await makeDue();
      const race = [
        () => logIn(),
        () => erasure.erase(100),
        () => logIn({ app: "b" }),
        () => erasure.erase(100),
        () => logIn({ app: "c" }),
      ];
      const started = round % 2 ? race : race.toReversed();
      const replies = (await Promise.all(started.map((start) => start()))).filter(
        (reply) => typeof reply === "object",
      );
      const ids = new Set(replies.map(({ user }) => user.id));
      expect(ids.size).toBe(1);
      const [id = 0 as UserId] = ids;
      for (const { isOpen, user } of replies) {
        expect(isOpen).toBe(true);
        if (id === person) expect(user.nickname).toBe(nickname);
      }
      if (id !== person) {
        expect(await left(person)).toEqual({ users: 0, accounts: 0, sessions: 0 });
        expect(replies.filter(({ isNewUser }) => isNewUser)).toHaveLength(1);
      }
      person = id;
      nickname = "new";
      expect(await eraseAfter()).toBeNull();
      expect(await left(person)).toMatchObject({ users: 1, accounts: 3 });
    }
  });
});

describe("a login that races with the wish to be erased", () => {
  it("comes first, and is ended", async () => {
    const token = tokens.first();
    let login: ReturnType<typeof logIn> | undefined;
    let deletion: ReturnType<DeletionStore["request"]> | undefined;
    await holdingUp(lockLogin(token), async () => {
      login = logIn({ token });
      await waiting(1);
      deletion = deletions.request(person, 60);
      await waiting(2);
    });
    await login;
    const promised = (await deletion)?.eraseAfter;
    expect(promised).toBeInstanceOf(Date);
    expect(await eraseAfter()).toEqual(promised);
    expect((await sessionOf(token))?.revoked_at).toBeInstanceOf(Date);
  });

  it.each(["a", "b"])("comes later, in the mini program %s, and takes it back", async (app) => {
    const token = tokens.first();
    let login: ReturnType<typeof logIn> | undefined;
    let deletion: ReturnType<DeletionStore["request"]> | undefined;
    const lock = (tx: postgres.TransactionSql) =>
      tx`select from sessions where user_id = ${person} for update`;
    await holdingUp(lock, async () => {
      deletion = deletions.request(person, 60);
      await waiting(1);
      login = logIn({ app, token });
      await waiting(2);
    });
    await deletion;
    expect((await login)?.isOpen).toBe(true);
    expect(await eraseAfter()).toBeNull();
    expect((await sessionOf(token))?.revoked_at).toBeNull();
  });
});

it("erases the first who are due, as many as asked for, and nobody else", async () => {
  const people = await sql`
    insert into users (username, nickname, registration_source, erase_after, disabled)
    select ${salt} || i, 'x', 'miniapp', now() + make_interval(mins => i), i = -5
    from generate_series(-5, 5) i where i <> 0 returning id`;
  const ids = people.map(({ id }) => id);
  const present = async () =>
    (await sql`select username from users where id in ${sql(ids)} order by erase_after`).map(
      ({ username }) => Number(username.slice(salt.length)),
    );
  expect(await erasure.erase(2)).toBe(2);
  expect(await present()).toEqual([-5, -2, -1, 1, 2, 3, 4, 5]);
  expect(await erasure.erase(100)).toBe(2);
  expect(await present()).toEqual([-5, 1, 2, 3, 4, 5]);
  await sql`update users set disabled = false where id in ${sql(ids)}`;
  expect(await erasure.erase(100)).toBe(1);
  expect(await present()).toEqual([1, 2, 3, 4, 5]);
});
