import { randomUUID } from "node:crypto";
import { asc, desc, eq } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import { audit } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { auditEvents, loginSessions, miniAccounts, users } from "./schema.ts";
import type { User } from "./users.ts";

/** Of each kind; a megabyte is the most that a reply may have. */
const MAX_ROWS = 1_000;

/** Every row about one person, secrets left out. */
export interface AccountRows {
  user: User;
  /** In the order in which they were first seen. */
  accounts: Awaited<ReturnType<typeof findAccounts>>;
  /** The latest first. */
  loginSessions: Awaited<ReturnType<typeof findLoginSessions>>;
  /** The latest first. */
  events: Awaited<ReturnType<typeof findEvents>>;
}

/** What is held about a person, for themselves. */
export interface AccountExportStore {
  /**
   * All of one moment, the latest 1,000 logins and events. `by` is the operator, if it is one, which
   * is noted. Undefined where there is no such user.
   */
  read(id: UserId, by?: string): Promise<AccountRows | undefined>;
}

export function createAccountExportStore({ orm, run }: Db): AccountExportStore {
  return {
    read: (id, by) => {
      const once = randomUUID();
      const work = async (tx: Executor) => {
        const [user] = await tx.select().from(users).where(eq(users.id, id));
        if (!user) return undefined;
        const rows = {
          user,
          accounts: await findAccounts(tx, id),
          loginSessions: await findLoginSessions(tx, id),
          events: await findEvents(tx, id),
        };
        if (by) await audit(tx, { kind: "user_exported", userId: id, details: { by }, once });
        return rows;
      };
      return run(() => orm.transaction(work, { isolationLevel: "repeatable read" }), {
        repeatable: true,
      });
    },
  };
}

async function findAccounts(tx: Executor, id: UserId) {
  const { appId, openid, unionid, createdAt } = miniAccounts;
  return tx
    .select({ appId, openid, unionid, createdAt })
    .from(miniAccounts)
    .where(eq(miniAccounts.userId, id))
    .orderBy(asc(createdAt), asc(appId))
    .limit(MAX_ROWS);
}

async function findLoginSessions(tx: Executor, userId: UserId) {
  const { id, appId, device, createdAt, lastUsedAt, expiresAt, revokedAt } = loginSessions;
  return tx
    .select({ id, appId, device, createdAt, lastUsedAt, expiresAt, revokedAt })
    .from(loginSessions)
    .where(eq(loginSessions.userId, userId))
    .orderBy(desc(createdAt), desc(id))
    .limit(MAX_ROWS);
}

/** Without their details: they name operators and other people. */
async function findEvents(tx: Executor, userId: UserId) {
  const { id, kind, at } = auditEvents;
  return tx
    .select({ kind, at })
    .from(auditEvents)
    .where(eq(auditEvents.userId, userId))
    .orderBy(desc(id))
    .limit(MAX_ROWS);
}
