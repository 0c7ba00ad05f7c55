import { and, asc, eq, isNull, sql } from "drizzle-orm";
import type { Unionid, UserId } from "../ids.ts";
import { audit } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { type Account, type LoginRecord, logIn, type NewLoginSession, register } from "./logins.ts";
import { miniAccounts, users } from "./schema.ts";
import type { Profile } from "./users.ts";

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
    session: NewLoginSession,
  ): Promise<LoginRecord | undefined>;
  /**
   * Notes a unionid that a known account did not have before. Nobody's user changes: two people
   * who turn out to be one, and a unionid that changes, are left to an operator.
   */
  note(account: UnionAccount): Promise<void>;
}

export function createUnionStore({ orm, run }: Db): UnionStore {
  /** In a transaction, and one at a time for each unionid. */
  const locked = <T>(account: UnionAccount, work: (tx: Executor) => Promise<T>): Promise<T> => {
    return run(
      () =>
        orm.transaction(async (tx) => {
          await lockUnionid(tx, account);
          return work(tx);
        }),
      { repeatable: true },
    );
  };
  return {
    join: (account, profile, session) =>
      locked(account, async (tx) => {
        const known = await findUser(tx, account);
        if (known === undefined) return register(tx, account, profile, session);
        const isAdded = await addAccount(tx, account, known);
        return isAdded ? logIn(tx, known, account, session) : undefined;
      }),
    note: (account) => locked(account, (tx) => noteUnionid(tx, account)),
  };
}

/** Until the transaction ends, nobody else decides who the unionid's person is. */
export async function lockUnionid(
  tx: Executor,
  { unionScope, unionid }: Pick<UnionAccount, "unionScope" | "unionid">,
): Promise<void> {
  const name = `${unionScope}:${unionid}`;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

/** The first user of the unionid, who is not erased until the transaction ends. */
async function findUser(tx: Executor, account: UnionAccount): Promise<UserId | undefined> {
  const [row] = await tx
    .select({ userId: miniAccounts.userId })
    .from(miniAccounts)
    .innerJoin(users, eq(users.id, miniAccounts.userId))
    .where(
      and(
        eq(miniAccounts.unionid, account.unionid),
        eq(miniAccounts.unionScope, account.unionScope),
      ),
    )
    .orderBy(asc(miniAccounts.createdAt), asc(miniAccounts.userId))
    .limit(1)
    .for("key share", { of: users });
  return row?.userId;
}

async function addAccount(tx: Executor, account: UnionAccount, userId: UserId): Promise<boolean> {
  const added = await tx
    .insert(miniAccounts)
    .values({ ...account, userId })
    .onConflictDoNothing()
    .returning({ userId: miniAccounts.userId });
  return added.length > 0;
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
    await audit(tx, {
      kind: "merge_candidate",
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
  await audit(tx, {
    kind: "unionid_changed",
    userId: own.userId,
    details: { appId, openid, from: own.unionid ?? "", to: unionid },
    once: `${appId}:${openid}:${unionid}`,
  });
}
