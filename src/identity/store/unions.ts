import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { Unionid, UserId } from "../ids.ts";
import type { Db, Executor } from "./db.ts";
import { auditEvents, miniAccounts, users } from "./schema.ts";
import {
  type Account,
  LOGIN_TIME,
  type Profile,
  registerUser,
  USER_COLUMNS,
  type User,
} from "./users.ts";

/** An account of which WeChat told the unionid. */
export type UnionAccount = Account & { unionid: Unionid };

/** One person over several mini programs: the accounts of one unionid in one union scope. */
export interface UnionStore {
  /**
   * Adds an account that is not known yet to the unionid's person, or registers them; undefined
   * when the account appeared meanwhile.
   */
  join(
    account: UnionAccount,
    profile: Profile,
  ): Promise<{ user: User; isNewUser: boolean } | undefined>;
  /**
   * Notes a unionid that a known account did not have before. Nobody's user changes: two people
   * who turn out to be one, and a unionid that changes, are left to an operator.
   */
  note(account: UnionAccount): Promise<void>;
}

export function createUnionStore({ orm, run }: Db): UnionStore {
  /** In a transaction, and one at a time for each unionid. */
  const locked = <T>(account: UnionAccount, work: (tx: Executor) => Promise<T>): Promise<T> => {
    const name = `${account.unionScope}:${account.unionid}`;
    return run(
      () =>
        orm.transaction(async (tx) => {
          await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
          return work(tx);
        }),
      { repeatable: true },
    );
  };
  return {
    join: (account, profile) =>
      locked(account, async (tx) => {
        const known = await findUser(tx, account);
        if (known !== undefined) return addAccount(tx, account, known);
        const [user] = await registerUser(tx, account, profile);
        return user && { user, isNewUser: true };
      }),
    note: (account) => locked(account, (tx) => noteUnionid(tx, account)),
  };
}

/** The first user of the unionid. */
async function findUser(tx: Executor, account: UnionAccount): Promise<UserId | undefined> {
  const [row] = await tx
    .select({ userId: miniAccounts.userId })
    .from(miniAccounts)
    .where(
      and(
        eq(miniAccounts.unionid, account.unionid),
        eq(miniAccounts.unionScope, account.unionScope),
      ),
    )
    .orderBy(asc(miniAccounts.createdAt), asc(miniAccounts.userId))
    .limit(1);
  return row?.userId;
}

async function addAccount(tx: Executor, account: UnionAccount, userId: UserId) {
  const added = await tx
    .insert(miniAccounts)
    .values({ ...account, userId })
    .onConflictDoNothing()
    .returning({ userId: miniAccounts.userId });
  if (added.length === 0) return undefined;
  const [user] = await tx
    .update(users)
    .set({ lastLoginAt: LOGIN_TIME })
    .where(eq(users.id, userId))
    .returning(USER_COLUMNS);
  return user && { user, isNewUser: false };
}

async function noteUnionid(tx: Executor, account: UnionAccount): Promise<void> {
  const { appId, openid, unionid, unionScope } = account;
  const isOwn = and(eq(miniAccounts.appId, appId), eq(miniAccounts.openid, openid));
  const first = await findUser(tx, account);
  const [filled] = await tx
    .update(miniAccounts)
    .set({ unionid, unionScope })
    .where(and(isOwn, isNull(miniAccounts.unionid)))
    .returning({ userId: miniAccounts.userId });
  if (filled) {
    if (first === undefined || first === filled.userId) return;
    const pair = [first, filled.userId].toSorted((a, b) => a - b);
    await audit(tx, "merge_candidate", {
      userId: filled.userId,
      details: { otherUserId: first, appId, unionScope },
      once: pair.join(":"),
    });
    return;
  }
  const [own] = await tx
    .select({ userId: miniAccounts.userId, unionid: miniAccounts.unionid })
    .from(miniAccounts)
    .where(isOwn);
  if (!own || own.unionid === unionid) return;
  await audit(tx, "unionid_changed", {
    userId: own.userId,
    details: { appId, openid, from: own.unionid ?? "", to: unionid },
    once: `${appId}:${openid}:${unionid}`,
  });
}

async function audit(
  tx: Executor,
  kind: "merge_candidate" | "unionid_changed",
  event: { userId: UserId; details: Record<string, string | number>; once: string },
): Promise<void> {
  const once = `${kind}:${event.once}`;
  await tx
    .insert(auditEvents)
    .values({ ...event, kind, once })
    .onConflictDoNothing();
}
