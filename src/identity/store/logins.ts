import { randomBytes } from "node:crypto";
import { and, eq, type Placeholder, type SQLWrapper, sql } from "drizzle-orm";
import type { AppId, Openid, Unionid, UserId } from "../ids.ts";
import type { Db, Executor } from "./db.ts";
import { loginSessions, miniAccounts, users } from "./schema.ts";
import { type Profile, USER_COLUMNS, type User, type UserColumns } from "./users.ts";

/** Who WeChat says it is. */
export interface Account {
  appId: AppId;
  openid: Openid;
  unionid: Unionid | undefined;
  /** Of the mini program: where the unionid holds. */
  unionScope: string;
}

/** The login session that a login opens. */
export interface NewLoginSession {
  id: string;
  device: string;
  familyHash: string;
  tokenHash: string;
  /** How long it lives, whatever is done with it. */
  ttlSeconds: number;
}

/** What a login left behind. */
export interface LoginRecord {
  user: User;
  /** Of a login that is asked for again as the first time. */
  isNewUser: boolean;
  /** Not for a disabled user, nor for a login asked for again that has ended or was refreshed. */
  isOpen: boolean;
}

/** Logins: the account, its person, and the login session, in one statement each. */
export interface LoginStore {
  /** With the unionid that the account had before; undefined when the account is not known yet. */
  record(
    account: Account,
    session: NewLoginSession,
  ): Promise<(LoginRecord & { unionid: Unionid | null }) | undefined>;
  /** Registers a person with this account; undefined when somebody else just did. */
  register(
    account: Account,
    profile: Profile,
    session: NewLoginSession,
  ): Promise<LoginRecord | undefined>;
}

export function createLoginStore(db: Db): LoginStore {
  const prepared = prepareRecord(db);
  return {
    record: async ({ appId, openid }, session) => {
      const values = { ...session, appId, openid };
      const [row] = await db.run(() => prepared.execute(values), { repeatable: true });
      return row;
    },
    register: (account, profile, session) =>
      db.run(() => register(db.orm, account, profile, session), { repeatable: true }),
  };
}

/** One round trip for a returning login. */
function prepareRecord({ orm }: Db) {
  const owner = { appId: sql.placeholder("appId"), openid: sql.placeholder("openid") };
  const account = orm.$with("account").as(
    orm
      .select({ userId: miniAccounts.userId, unionid: miniAccounts.unionid })
      .from(miniAccounts)
      .where(and(eq(miniAccounts.appId, owner.appId), eq(miniAccounts.openid, owner.openid))),
  );
  const person = orm.$with("person").as(
    orm
      .update(users)
      .set({ lastLoginAt: LOGIN_TIME, eraseAfter: takenBack(sql.placeholder("id")) })
      .from(account)
      .where(eq(users.id, account.userId))
      .returning({ ...USER_COLUMNS, unionid: account.unionid }),
  );
  const session = openSession(orm, owner, {
    id: sql.placeholder("id"),
    device: sql.placeholder("device"),
    familyHash: sql.placeholder("familyHash"),
    tokenHash: sql.placeholder("tokenHash"),
    ttlSeconds: sql.placeholder("ttlSeconds"),
  });
  return orm
    .with(account, person, session)
    .select({ ...recordOf(person, session), unionid: person.unionid })
    .from(person)
    .leftJoin(session, sql`true`)
    .prepare("record_login");
}

/**
 * Account, user and session in one statement. The account comes first: its primary key decides who
 * of several registers the person, and only the winner's user is inserted, so no row is ever
 * orphaned.
 */
export async function register(
  orm: Executor,
  account: Account,
  profile: Profile,
  session: NewLoginSession,
): Promise<LoginRecord | undefined> {
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
  const person = orm.$with("person").as(
    orm
      .insert(users)
      .select(
        sql`select user_id, ${newUsername()}, ${profile.nickname}, ${profile.avatarUrl}, 'miniapp',
              false, null, null, '', 1, now(), now(), now(), null::timestamptz from fresh`,
      )
      .returning(),
  );
  const opened = openSession(orm, account, session);
  const [row] = await orm
    .with(fresh, person, opened)
    .select(recordOf(person, opened))
    .from(person)
    .leftJoin(opened, sql`true`);
  return row;
}

/** The login of a known person, in a transaction that found them. */
export async function logIn(
  orm: Executor,
  userId: UserId,
  account: Account,
  session: NewLoginSession,
): Promise<LoginRecord | undefined> {
  const person = orm.$with("person").as(
    orm
      .update(users)
      .set({ lastLoginAt: LOGIN_TIME, eraseAfter: takenBack(session.id) })
      .where(eq(users.id, userId))
      .returning(USER_COLUMNS),
  );
  const opened = openSession(orm, account, session);
  const [row] = await orm
    .with(person, opened)
    .select(recordOf(person, opened))
    .from(person)
    .leftJoin(opened, sql`true`);
  return row;
}

type OrPlaceholder<T> = { [Name in keyof T]: T[Name] | Placeholder };

/**
 * A session of `person`, who must not be disabled. A login that is asked for again finds the one of
 * the first time, unless that has ended or was refreshed.
 */
function openSession(
  orm: Executor,
  { appId, openid }: OrPlaceholder<Pick<Account, "appId" | "openid">>,
  { id, device, familyHash, tokenHash, ttlSeconds }: OrPlaceholder<NewLoginSession>,
) {
  return orm.$with("opened").as(
    orm
      .insert(loginSessions)
      .select(
        sql`select ${id}::uuid, id, ${appId}, ${openid}, ${device}, ${familyHash}, ${tokenHash}, null,
              null::timestamptz, now(), now(), now() + make_interval(secs => ${ttlSeconds}),
              null::timestamptz from person where not disabled`,
      )
      .onConflictDoUpdate({
        target: loginSessions.id,
        set: { device: sql`excluded.device` },
        setWhere: sql`sessions.revoked_at is null and sessions.token_hash = excluded.token_hash`,
      })
      .returning({ openedAt: loginSessions.createdAt }),
  );
}

function recordOf(person: Record<keyof UserColumns, SQLWrapper>, opened: { openedAt: SQLWrapper }) {
  const names = Object.keys(USER_COLUMNS) as (keyof UserColumns)[];
  const columns: object = Object.fromEntries(names.map((name) => [name, person[name]]));
  const user = columns as UserColumns;
  return {
    user,
    // One transaction has one time.
    isNewUser: sql<boolean>`coalesce(${opened.openedAt} = ${person.createdAt}, false)`,
    isOpen: sql<boolean>`${opened.openedAt} is not null`,
  };
}

/** A login that is refused is none. */
const LOGIN_TIME = sql`case when disabled then last_login_at else now() end`;

/**
 * A login takes back the wish to be erased; not that of a disabled person, and not a login of before
 * the wish that is asked for again.
 */
function takenBack(loginSessionId: string | Placeholder) {
  return sql`case when disabled or erase_after is null
    or exists (select from sessions where id = ${loginSessionId}::uuid) then erase_after end`;
}

/** `wx_` and 16 characters of base32 (RFC 4648, lower case): 80 random bits. */
function newUsername(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  return `wx_${Array.from(randomBytes(16), (byte) => letters[byte & 31]).join("")}`;
}
