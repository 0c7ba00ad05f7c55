import { and, asc, inArray, lt, notInArray, sql } from "drizzle-orm";
import type { Db } from "./db.ts";
import { auditEvents, loginSessions } from "./schema.ts";

/** Takes away what nobody needs any more, at most `limit` rows at a time; tells how many. */
export interface PruningStore {
  loginSessions(limit: number): Promise<number>;
  auditEvents(limit: number): Promise<number>;
}

/** So long after their end, for whoever has to find out about a login. */
const LOGIN_SESSIONS_BEFORE = sql`now() - interval '7 days'`;

/** Half a year. */
const AUDIT_EVENTS_BEFORE = sql`now() - interval '180 days'`;

/** Who may be one person, until somebody has decided it; and who has become somebody else. */
const KEPT_KINDS = ["merge_candidate", "users_merged"] as const;

export function createPruningStore({ orm, run }: Db): PruningStore {
  return {
    loginSessions: async (limit) => {
      const old = orm
        .select({ id: loginSessions.id })
        .from(loginSessions)
        .where(lt(loginSessions.expiresAt, LOGIN_SESSIONS_BEFORE))
        .orderBy(asc(loginSessions.expiresAt))
        .limit(limit);
      const gone = await run(() =>
        orm
          .delete(loginSessions)
          .where(inArray(loginSessions.id, old))
          .returning({ id: loginSessions.id }),
      );
      return gone.length;
    },
    auditEvents: async (limit) => {
      const old = orm
        .select({ id: auditEvents.id })
        .from(auditEvents)
        .where(
          and(
            lt(auditEvents.at, AUDIT_EVENTS_BEFORE),
            notInArray(auditEvents.kind, [...KEPT_KINDS]),
          ),
        )
        .orderBy(asc(auditEvents.at))
        .limit(limit);
      const gone = await run(() =>
        orm
          .delete(auditEvents)
          .where(inArray(auditEvents.id, old))
          .returning({ id: auditEvents.id }),
      );
      return gone.length;
    },
  };
}
