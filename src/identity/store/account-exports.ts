import { randomUUID } from "node:crypto";
import { asc, desc, eq } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import { audit } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { auditEvents, loginSessions, miniAccounts, users } from "./schema.ts";
import type { User } from "./users.ts";

/** Of logins and of events; a megabyte is the most that a reply may have. */
const MAX_ROWS = 1_000;

/** Every row about one person, secrets left out. */
export interface AccountRows {
  user: User;
  accounts: Pick<typeof miniAccounts.$inferSelect, "appId" | "openid" | "unionid" | "createdAt">[];
  loginSessions: Pick<
    typeof loginSessions.$inferSelect,
    "id" | "appId" | "device" | "createdAt" | "lastUsedAt" | "expiresAt" | "revokedAt"
  >[];
  events: Pick<typeof auditEvents.$inferSelect, "kind" | "at">[];
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
          accounts: await tx
            .select({
              appId: miniAccounts.appId,
              openid: miniAccounts.openid,
              unionid: miniAccounts.unionid,
              createdAt: miniAccounts.createdAt,
            })
            .from(miniAccounts)
            .where(eq(miniAccounts.userId, id))
            .orderBy(asc(miniAccounts.createdAt), asc(miniAccounts.appId))
            .limit(MAX_ROWS),
          loginSessions: await tx
            .select({
              id: loginSessions.id,
              appId: loginSessions.appId,
              device: loginSessions.device,
              createdAt: loginSessions.createdAt,
              lastUsedAt: loginSessions.lastUsedAt,
              expiresAt: loginSessions.expiresAt,
              revokedAt: loginSessions.revokedAt,
            })
            .from(loginSessions)
            .where(eq(loginSessions.userId, id))
            .orderBy(desc(loginSessions.createdAt), desc(loginSessions.id))
            .limit(MAX_ROWS),
          events: await tx
            .select({ kind: auditEvents.kind, at: auditEvents.at })
            .from(auditEvents)
            .where(eq(auditEvents.userId, id))
            .orderBy(desc(auditEvents.id))
            .limit(MAX_ROWS),
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
