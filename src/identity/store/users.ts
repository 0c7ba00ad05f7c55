import { randomBytes } from "node:crypto";
import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import { IdentityError } from "../errors.ts";
import type { AppId, Openid, Unionid, UserId } from "../ids.ts";
import type { StoredPhone } from "../phones.ts";
import { type Db, type Executor, isUniqueViolation } from "./db.ts";
import { miniAccounts, users } from "./schema.ts";

export type User = typeof users.$inferSelect;

/** Who WeChat says it is. */
export interface Account {
  appId: AppId;
  openid: Openid;
  unionid: Unionid | undefined;
  /** Of the mini program: where the unionid holds. */
  unionScope: string;
}

/** A user who logged in, and the unionid that their account had before. */
export interface KnownLogin {
  user: User;
  unionid: Unionid | null;
}

export interface Profile {
  nickname: string;
  avatarUrl: string;
}

/** The rows of people and of their accounts. */
export interface UserStore {
  /** The account's user, with the login noted; undefined when the account is not known yet. */
  recordLogin(account: Account): Promise<KnownLogin | undefined>;
  /** Registers a person with this account; undefined when somebody else just did. */
  register(account: Account, profile: Profile): Promise<User | undefined>;
  find(id: UserId): Promise<User | undefined>;
  /** Those who exist, in no order. */
  findMany(ids: readonly UserId[]): Promise<User[]>;
  /**
   * Changes an enabled user's profile; undefined when there is none, or none of that version.
   */
  update(id: UserId, changes: Partial<Profile>, version?: number): Promise<User | undefined>;
  /**
   * Gives an enabled user this phone number in place of any earlier one; undefined when there is no
   * such user. Rejects with PHONE_TAKEN when it is another user's.
   */
  bindPhone(id: UserId, phone: StoredPhone): Promise<User | undefined>;
  ofPhone(phoneIndex: string): Promise<UserId | undefined>;
}

export function createUserStore(db: Db): UserStore {
  const login = prepareLogin(db);
  const find = db.orm
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder("id")))
    .prepare("find");
  return {
    recordLogin: async ({ appId, openid }) => {
      const values = { appId, openid };
      const [row] = await db.run(() => login.execute(values), { repeatable: true });
      if (!row) return undefined;
      const { unionid, ...user } = row;
      return { user, unionid };
    },
    register: async (account, profile) => {
      const [row] = await db.run(() => registerUser(db.orm, account, profile), {
        repeatable: true,
      });
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
      const isVersion = version === undefined ? undefined : eq(users.version, version);
      return (await change(db, id, changes, isVersion))[0];
    },
    bindPhone: async (id, phone) => {
      try {
        return (await change(db, id, phone))[0];
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        throw new IdentityError("PHONE_TAKEN", "the phone number is another user's");
      }
    },
    ofPhone: async (phoneIndex) => {
      const [row] = await db.run(
        () => db.orm.select({ id: users.id }).from(users).where(eq(users.phoneIndex, phoneIndex)),
        { repeatable: true },
      );
      return row?.id;
    },
  };
}

/** Changes an enabled user, and counts the version. */
function change(db: Db, id: UserId, changes: Partial<Profile & StoredPhone>, condition?: SQL) {
  return db.run(() =>
    db.orm
      .update(users)
      .set({ ...changes, version: sql`${users.version} + 1`, updatedAt: sql`now()` })
      .where(and(eq(users.id, id), eq(users.disabled, false), condition))
      .returning(),
  );
}

/** One round trip for a returning login. */
function prepareLogin({ orm }: Db) {
  const account = orm.$with("account").as(
    orm
      .select({ userId: miniAccounts.userId, unionid: miniAccounts.unionid })
      .from(miniAccounts)
      .where(
        and(
          eq(miniAccounts.appId, sql.placeholder("appId")),
          eq(miniAccounts.openid, sql.placeholder("openid")),
        ),
      ),
  );
  return orm
    .with(account)
    .update(users)
    .set({ lastLoginAt: LOGIN_TIME })
    .from(account)
    .where(eq(users.id, account.userId))
    .returning({ ...USER_COLUMNS, unionid: account.unionid })
    .prepare("record_login");
}

/** A login that is refused is none. */
export const LOGIN_TIME = sql`case when disabled then last_login_at else now() end`;

export const USER_COLUMNS = {
  id: users.id,
  username: users.username,
  nickname: users.nickname,
  avatarUrl: users.avatarUrl,
  registrationSource: users.registrationSource,
  disabled: users.disabled,
  phoneSealed: users.phoneSealed,
  phoneIndex: users.phoneIndex,
  phoneMasked: users.phoneMasked,
  version: users.version,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
  lastLoginAt: users.lastLoginAt,
};

/**
 * Account and user in one statement. The account comes first: its primary key decides who of
 * several registers the person, and only the winner's user is inserted, so no row is ever orphaned.
 */
export function registerUser(orm: Executor, account: Account, profile: Profile) {
  const { appId, openid, unionid, unionScope } = account;
  const fresh = orm.$with("fresh").as(
    orm
      .insert(miniAccounts)
      .values({
        appId,
        openid,
        unionScope,
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
            false, null, null, '', 1, now(), now(), now() from fresh`,
    )
    .returning();
}

/** `wx_` and 16 characters of base32 (RFC 4648, lower case): 80 random bits. */
function newUsername(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  return `wx_${Array.from(randomBytes(16), (byte) => letters[byte & 31]).join("")}`;
}
