import { randomBytes } from "node:crypto";
import { and, eq, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { AppId, Openid, Unionid, UserId } from "../ids.ts";
import type { Db } from "./db.ts";
import { miniAccounts, users } from "./schema.ts";

export type User = typeof users.$inferSelect;

/** Who WeChat says it is. */
export interface Account {
  appId: AppId;
  openid: Openid;
  unionid: Unionid | undefined;
}

export interface Profile {
  nickname: string;
  avatarUrl: string;
}

/** The rows of people and of their accounts. */
export interface UserStore {
  /** The account's user, with the login noted; undefined when the account is not known yet. */
  recordLogin(account: Account): Promise<User | undefined>;
  /** Registers a person with this account; undefined when somebody else just did. */
  register(account: Account, profile: Profile): Promise<User | undefined>;
  find(id: UserId): Promise<User | undefined>;
  /** Those who exist, in no order. */
  findMany(ids: readonly UserId[]): Promise<User[]>;
  /**
   * Changes an enabled user's profile; undefined when there is none, or none of that version.
   */
  update(id: UserId, changes: Partial<Profile>, version?: number): Promise<User | undefined>;
}

export function createUserStore(db: Db): UserStore {
  const login = prepareLogin(db);
  const find = db.orm
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder("id")))
    .prepare("find");
  return {
    recordLogin: async ({ appId, openid, unionid }) => {
      const values = { appId, openid, unionid: unionid ?? null };
      return (await db.run(() => login.execute(values), { repeatable: true }))[0];
    },
    register: async (account, profile) => {
      const [row] = await db.run(() => register(db, account, profile), { repeatable: true });
      return row;
    },
    find: async (id) => (await db.run(() => find.execute({ id }), { repeatable: true }))[0],
    findMany: (ids) =>
      db.run(
        () =>
          db.orm
            .select()
            .from(users)
            .where(inArray(users.id, [...ids])),
        { repeatable: true },
      ),
    update: async (id, changes, version) => {
      const [row] = await db.run(() =>
        db.orm
          .update(users)
          .set({ ...changes, version: sql`${users.version} + 1`, updatedAt: sql`now()` })
          .where(
            and(
              eq(users.id, id),
              eq(users.disabled, false),
              version === undefined ? undefined : eq(users.version, version),
            ),
          )
          .returning(),
      );
      return row;
    },
  };
}

/**
 * One round trip for a returning login. A unionid that appears later is filled in on the way; else
 * the account is only read, as writing it each time would double the dead rows.
 */
function prepareLogin({ orm }: Db) {
  const unionid = sql`${sql.placeholder("unionid")}::text`;
  const isAccount = and(
    eq(miniAccounts.appId, sql.placeholder("appId")),
    eq(miniAccounts.openid, sql.placeholder("openid")),
  );
  const account = orm
    .$with("account")
    .as(orm.select({ userId: miniAccounts.userId }).from(miniAccounts).where(isAccount));
  const filled = orm.$with("filled").as(
    orm
      .update(miniAccounts)
      .set({ unionid })
      .where(and(isAccount, isNull(miniAccounts.unionid), isNotNull(unionid)))
      .returning({ userId: miniAccounts.userId }),
  );
  return orm
    .with(account, filled)
    .update(users)
    .set({ lastLoginAt: sql`case when disabled then last_login_at else now() end` })
    .from(account)
    .where(eq(users.id, account.userId))
    .returning(USER_COLUMNS)
    .prepare("record_login");
}

const USER_COLUMNS = {
  id: users.id,
  username: users.username,
  nickname: users.nickname,
  avatarUrl: users.avatarUrl,
  registrationSource: users.registrationSource,
  disabled: users.disabled,
  version: users.version,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
  lastLoginAt: users.lastLoginAt,
};

/**
 * Account and user in one statement. The account comes first: its primary key decides who of
 * several registers the person, and only the winner's user is inserted, so no row is ever orphaned.
 */
function register({ orm }: Db, account: Account, profile: Profile) {
  const { appId, openid, unionid } = account;
  const fresh = orm.$with("fresh").as(
    orm
      .insert(miniAccounts)
      .values({
        appId,
        openid,
        unionid: unionid ?? null,
        userId: sql`nextval(pg_get_serial_sequence('users', 'id'))`,
      })
      .onConflictDoNothing()
      .returning({ userId: miniAccounts.userId }),
  );
  return orm
    .with(fresh)
    .insert(users)
    .select(
      sql`select user_id, ${newUsername()}, ${profile.nickname}, ${profile.avatarUrl}, 'miniapp',
            false, 1, now(), now(), now() from fresh`,
    )
    .returning();
}

/** `wx_` and 16 characters of base32 (RFC 4648, lower case): 80 random bits. */
function newUsername(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  return `wx_${Array.from(randomBytes(16), (byte) => letters[byte & 31]).join("")}`;
}
