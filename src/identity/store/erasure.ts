import { and, asc, inArray, lt, notInArray, or, sql } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import { IS_MERGE_CANDIDATE, OTHER_USER_ID, toOnce } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { auditEvents, loginSessions, miniAccounts, users } from "./schema.ts";

/** Fulfils the wish to be erased. */
export interface ErasureStore {
  /** Erases those whose time has come, at most `limit` people at a time; tells how many. */
  erase(limit: number): Promise<number>;
}

/** Of these the time, the operator and the id of somebody who is not there any more may stay. */
const KEPT_EVENTS = [
  "user_disabled",
  "user_enabled",
  "user_sessions_revoked",
  "user_deletion_requested",
  "user_exported",
  "user_erased",
  "users_merged",
] as const;

export function createErasureStore({ orm, run }: Db): ErasureStore {
  return { erase: (limit) => run(() => orm.transaction((tx) => erase(tx, limit))) };
}

async function erase(tx: Executor, limit: number): Promise<number> {
  // Whoever logs in meanwhile comes first or waits: then the account is gone, and the person new.
  const due = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(lt(users.eraseAfter, sql`now()`), sql`not ${users.disabled}`))
    .orderBy(asc(users.eraseAfter))
    .limit(limit)
    .for("update", { skipLocked: true });
  if (due.length === 0) return 0;
  const ids = due.map(({ id }) => id);
  await tx.delete(loginSessions).where(inArray(loginSessions.userId, ids));
  const accounts = await tx
    .delete(miniAccounts)
    .where(inArray(miniAccounts.userId, ids))
    .returning({ unionid: miniAccounts.unionid });
  const unionids = accounts.flatMap(({ unionid }) => unionid ?? []);
  await eraseEvents(tx, ids, unionids);
  await tx.delete(users).where(inArray(users.id, ids));
  await tx.insert(auditEvents).values(
    ids.map((userId) => {
      return {
        kind: "user_erased" as const,
        userId,
        details: {},
        once: toOnce("user_erased", userId),
      };
    }),
  );
  return ids.length;
}

/** What was noted about these people, also with somebody else. */
async function eraseEvents(tx: Executor, ids: UserId[], unionids: string[]): Promise<void> {
  const { userId, kind, details } = auditEvents;
  const isOfMerge = and(IS_MERGE_CANDIDATE, inArray(OTHER_USER_ID, ids.map(String)));
  const isOfUnionid = and(
    sql`${kind} = 'unionid_changed'`,
    inArray(sql`${details}->>'to'`, unionids),
  );
  const isOwn = and(inArray(userId, ids), notInArray(kind, [...KEPT_EVENTS]));
  await tx.delete(auditEvents).where(or(isOwn, isOfMerge, isOfUnionid));
}
