import { and, desc, eq, lt, or, sql } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import { OTHER_USER_ID } from "./audit.ts";
import type { Db } from "./db.ts";
import type { Page } from "./page.ts";
import { auditEvents } from "./schema.ts";

export type NotedEvent = typeof auditEvents.$inferSelect;

export type AuditKind = NotedEvent["kind"];

export const AUDIT_KINDS: readonly AuditKind[] = auditEvents.kind.enumValues;

export interface AuditCriteria {
  kind: AuditKind | undefined;
  /** Also as the other one of two. */
  userId: UserId | undefined;
}

/** What was noted, for operators. */
export interface AuditLogStore {
  list(criteria: AuditCriteria, page: Page): Promise<NotedEvent[]>;
}

export function createAuditLogStore({ orm, run }: Db): AuditLogStore {
  return {
    list: ({ kind, userId }, { limit, before }) => {
      const condition = and(
        kind ? eq(auditEvents.kind, kind) : undefined,
        userId === undefined ? undefined : isAbout(userId),
        before === undefined ? undefined : lt(auditEvents.id, before),
      );
      return run(
        () =>
          orm
            .select()
            .from(auditEvents)
            .where(condition)
            .orderBy(desc(auditEvents.id))
            .limit(limit),
        { repeatable: true },
      );
    },
  };
}

function isAbout(userId: UserId) {
  // As the index audit_events_other_user has it.
  const isOfTwo = sql`${auditEvents.kind} in ('merge_candidate', 'users_merged')`;
  return or(eq(auditEvents.userId, userId), and(isOfTwo, eq(OTHER_USER_ID, String(userId))));
}
