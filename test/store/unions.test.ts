import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { recognise } from "../../src/identity/accounts.ts";
import type { AppId, Openid, Unionid } from "../../src/identity/ids.ts";
import { createRefreshTokens } from "../../src/identity/refresh-tokens.ts";
import { type Db, openDb } from "../../src/identity/store/db.ts";
import { createLoginStore } from "../../src/identity/store/logins.ts";
import { createUnionStore } from "../../src/identity/store/unions.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let db: Db;
let sql: postgres.Sql;
let deps: Parameters<typeof recognise>[0];
beforeAll(async () => {
  database = await createDatabase(inject("databaseUrl"), inject("template"));
  db = openDb(toDatabaseConfig({ DATABASE_URL: database.url }));
  sql = postgres(database.url, { max: 1 });
  deps = { logins: createLoginStore(db), unions: createUnionStore(db) };
});
afterAll(async () => {
  await db?.close();
  await sql?.end();
  await database?.[Symbol.asyncDispose]();
});

interface Who {
  app: string;
  unionid?: string | undefined;
  scope?: string;
  openid?: string;
}

/** Makes each case's people its own. */
let salt: string;
beforeEach(() => {
  salt = randomBytes(4).toString("hex");
});

const LOGINS = 8;
const refreshTokens = createRefreshTokens(randomBytes(32));

/** The same login several times at once; all of them must see the same person. */
async function logIn({ app, unionid, scope = "main", openid = `o${app}` }: Who) {
  const account = {
    appId: `wx${app}${salt}` as AppId,
    openid: `${openid}${salt}` as Openid,
    unionid: unionid && (`${unionid}${salt}` as Unionid),
    unionScope: scope,
  } as Parameters<typeof recognise>[1];
  const profile = { nickname: "微信用户", avatarUrl: "" };
  const logins = Array.from({ length: LOGINS }, () => {
    const refreshToken = refreshTokens.first();
    const session = {
      id: refreshToken.loginSessionId,
      ...refreshToken,
      device: "",
      ttlSeconds: 60,
    };
    return recognise(deps, account, profile, session);
  });
  const replies = await Promise.all(logins);
  const ids = new Set(replies.map(({ user }) => user.id));
  expect(ids.size).toBe(1);
  return {
    id: [...ids][0] as number,
    newUsers: replies.filter(({ isNewUser }) => isNewUser).length,
    disabled: replies.some(({ user }) => user.disabled),
  };
}

const events = async (id: number) =>
  (await sql`select kind, details from audit_events where user_id = ${id} order by id`).map(
    ({ kind, details }) => [kind, details.otherUserId],
  );
const stored = async (app: string) => {
  const rows = await sql`select unionid from mini_accounts where app_id = ${`wx${app}${salt}`}`;
  return rows.map(({ unionid }) => unionid?.replace(salt, "") ?? null);
};

describe("one person over several mini programs", () => {
  it("1. a first login without a unionid registers one user", async () => {
    expect(await logIn({ app: "a" })).toMatchObject({ newUsers: 1 });
    expect(await stored("a")).toEqual([null]);
  });

  it("2. a first login with a unionid registers one user", async () => {
    expect(await logIn({ app: "a", unionid: "uuuuuu" })).toMatchObject({ newUsers: 1 });
    expect(await stored("a")).toEqual(["uuuuuu"]);
  });

  it("3. a second mini program of the scope finds the same user", async () => {
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    expect(await logIn({ app: "b", unionid: "uuuuuu" })).toMatchObject({
      id: first.id,
      newUsers: 0,
    });
  });

  it("4. another scope means another person", async () => {
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    const other = await logIn({ app: "b", unionid: "uuuuuu", scope: "other" });
    expect(other.id).not.toBe(first.id);
    expect(other.newUsers).toBe(1);
  });

  it("5. another unionid means another person", async () => {
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    const other = await logIn({ app: "b", unionid: "vvvvvv" });
    expect(other.id).not.toBe(first.id);
  });

  it("6. the same openid under two mini programs is two people", async () => {
    const first = await logIn({ app: "a", openid: "osame" });
    const other = await logIn({ app: "b", openid: "osame" });
    expect(other.id).not.toBe(first.id);
  });

  it("7. a unionid that appears later is filled in", async () => {
    const first = await logIn({ app: "a" });
    const later = await logIn({ app: "a", unionid: "uuuuuu" });
    expect(later).toMatchObject({ id: first.id, newUsers: 0 });
    expect(await stored("a")).toEqual(["uuuuuu"]);
    expect(await events(first.id)).toEqual([]);
    expect((await logIn({ app: "b", unionid: "uuuuuu" })).id).toBe(first.id);
  });

  it("8. a unionid that is absent again stays", async () => {
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    expect((await logIn({ app: "a" })).id).toBe(first.id);
    expect(await stored("a")).toEqual(["uuuuuu"]);
  });

  it("9. two users who turn out to be one stay two, noted once for an operator", async () => {
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    const second = await logIn({ app: "b" });
    expect(second.id).not.toBe(first.id);
    for (let i = 0; i < 2; i++) {
      expect((await logIn({ app: "b", unionid: "uuuuuu" })).id).toBe(second.id);
    }
    expect(await stored("b")).toEqual(["uuuuuu"]);
    expect(await events(second.id)).toEqual([["merge_candidate", first.id]]);
    expect((await logIn({ app: "a", unionid: "uuuuuu" })).id).toBe(first.id);
  });

  it("10. a third mini program joins the first of them", async () => {
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    await logIn({ app: "b" });
    await logIn({ app: "b", unionid: "uuuuuu" });
    expect((await logIn({ app: "c", unionid: "uuuuuu" })).id).toBe(first.id);
  });

  it("11. a unionid that changes is noted, never followed", async () => {
    const other = await logIn({ app: "b", unionid: "vvvvvv" });
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    const changed = await logIn({ app: "a", unionid: "vvvvvv" });
    expect(changed.id).toBe(first.id);
    expect(changed.id).not.toBe(other.id);
    expect(await stored("a")).toEqual(["uuuuuu"]);
    expect(await events(first.id)).toEqual([["unionid_changed", undefined]]);
  });

  it("12. a disabled person is disabled in every mini program of the scope", async () => {
    const first = await logIn({ app: "a", unionid: "uuuuuu" });
    await sql`update users set disabled = true where id = ${first.id}`;
    expect(await logIn({ app: "b", unionid: "uuuuuu" })).toMatchObject({
      id: first.id,
      disabled: true,
    });
  });

  it("13. first logins in five mini programs at once make one user", async () => {
    const apps = ["a", "b", "c", "d", "e"];
    for (const unionid of ["uuuuuu", "vvvvvv", "wwwwww", "xxxxxx", "yyyyyy"]) {
      const logins = apps.map((app) => logIn({ app, unionid, openid: `o${app}${unionid}` }));
      const people = await Promise.all(logins);
      expect(new Set(people.map(({ id }) => id)).size).toBe(1);
      expect(people.reduce((sum, { newUsers }) => sum + newUsers, 0)).toBe(1);
    }
  });

  it("14. a unionid that appears while another mini program is joined loses nobody", async () => {
    const first = await logIn({ app: "a" });
    const [later, joined] = await Promise.all([
      logIn({ app: "a", unionid: "uuuuuu" }),
      logIn({ app: "b", unionid: "uuuuuu" }),
    ]);
    expect(later.id).toBe(first.id);
    const merge = [["merge_candidate", joined?.id]];
    expect(await events(first.id)).toEqual(joined?.id === first.id ? [] : merge);
  });

  it("15. leaves no user without an account, and no account without a user", async () => {
    const [row] = await sql`
      select (select count(*)::int from users u
              where not exists (select from mini_accounts a where a.user_id = u.id)) as users,
             (select count(*)::int from mini_accounts a
              where not exists (select from users u where u.id = a.user_id)) as accounts`;
    expect(row).toEqual({ users: 0, accounts: 0 });
  });
});
