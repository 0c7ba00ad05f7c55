import { and, asc, eq, inArray, or, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { IdentityError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import { audit, IS_MERGE_CANDIDATE, isNoted, OTHER_USER_ID } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { endLoginSessions } from "./login-sessions.ts";
import { auditEvents, miniAccounts, users } from "./schema.ts";
import { lockUnionid } from "./unions.ts";
import type { User } from "./users.ts";

/** What the user who remains takes over from the one who goes. */
export type TakeOver = (kept: User, gone: User) => Partial<User>;

/** Makes one user of two that are the same person. */
export interface MergeStore {
  /**
   * Accounts go over to `id` from `other`, who is gone afterwards. Made again it does nothing. `by` is the
   * operator. Undefined where one of them does not exist; rejects with INVALID_FIELD where they cannot be
   * one person.
   */
  merge(id: UserId, other: UserId, by: string): Promise<User | undefined>;
}

export function createMergeStore({ orm, run }: Db, takeOver: TakeOver): MergeStore {
  return {
    merge: (id, other, by) =>
      run(() => orm.transaction((tx) => merge(tx, { id, other, by, takeOver })), {
        repeatable: true,
      }),
  };
}

interface Merge {
  id: UserId;
  other: UserId;
  by: string;
  takeOver: TakeOver;
}

async function merge(tx: Executor, { id, other, by, takeOver }: Merge): Promise<User | undefined> {
  await lockUnionids(tx, [id, other]);
  // Logins of both that are under way come first; later ones wait. In one order, lest two merges wait for each other.
  const locked = await tx
    .select()
    .from(users)
    .where(inArray(users.id, [id, other]))
    .orderBy(asc(users.id))
    .for("update");
  const kept = locked.find((user) => user.id === id);
  const gone = locked.find((user) => user.id === other);
  if (!kept) return undefined;
  // A user's id is never used again.
  const merged = { kind: "users_merged", once: `${id}:${other}` } as const;
  if (!gone) return (await isNoted(tx, merged)) ? kept : undefined;
  await assertOnePerson(tx, kept, gone);

  const accounts = await tx
    .update(miniAccounts)
    .set({ userId: id })
    .where(eq(miniAccounts.userId, other))
    .returning({ appId: miniAccounts.appId });
  await moveEvents(tx, id, other);
  const ended = await endLoginSessions(tx, other);
  // Its logins go with it. Before its phone number comes over, which is one user's only.
  await tx.delete(users).where(eq(users.id, other));
  const [user] = await tx
    .update(users)
    .set({
      ...takeOver(kept, gone),
      version: sql`${users.version} + 1`,
      updatedAt: sql`now()`,
    })
    .where(eq(users.id, id))
    .returning();
  if (user?.disabled) await endLoginSessions(tx, id);
  const details = { by, otherUserId: other, accounts: accounts.length, ended };
  await audit(tx, { ...merged, userId: id, details });
  return user;
}

/** An account that joins one of them meanwhile would find nobody, and register them anew. */
async function lockUnionids(tx: Executor, ids: UserId[]): Promise<void> {
  const { unionScope, unionid, userId } = miniAccounts;
  const rows = await tx
    .selectDistinct({ unionScope, unionid })
    .from(miniAccounts)
    .where(inArray(userId, ids))
    .orderBy(asc(unionScope), asc(unionid));
  for (const row of rows) if (row.unionid) await lockUnionid(tx, { ...row, unionid: row.unionid });
}

async function assertOnePerson(tx: Executor, kept: User, gone: User): Promise<void> {
  const refuse = (why: string) => {
    throw new IdentityError("INVALID_FIELD", `other_user_id: ${why}`, { field: "other_user_id" });
  };
  if (kept.eraseAfter || gone.eraseAfter) refuse("one of the two is to be erased");
  const theirs = alias(miniAccounts, "theirs");
  const [shared] = await tx
    .select({ appId: miniAccounts.appId })
    .from(miniAccounts)
    .innerJoin(theirs, and(eq(theirs.appId, miniAccounts.appId), eq(theirs.userId, gone.id)))
    .where(eq(miniAccounts.userId, kept.id))
    .limit(1);
  if (shared) refuse("both have an account in one mini program");
}

/** What was noted about one is about the other; that the two may be one is decided. */
async function moveEvents(tx: Executor, id: UserId, other: UserId): Promise<void> {
  const { details, userId } = auditEvents;
  const isOther = (it: UserId) => eq(OTHER_USER_ID, String(it));
  const isBoth = or(and(eq(userId, id), isOther(other)), and(eq(userId, other), isOther(id)));
  await tx.delete(auditEvents).where(and(IS_MERGE_CANDIDATE, isBoth));
  await tx.update(auditEvents).set({ userId: id }).where(eq(userId, other));
  await tx
    .update(auditEvents)
    .set({ details: sql`jsonb_set(${details}, '{otherUserId}', to_jsonb(${id}::bigint))` })
    .where(and(IS_MERGE_CANDIDATE, isOther(other)));
}
