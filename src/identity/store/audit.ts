import { eq, sql } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import type { Executor } from "./db.ts";
import { auditEvents } from "./schema.ts";

export interface AuditEvent {
  kind: (typeof auditEvents.$inferInsert)["kind"];
  userId: UserId | null;
  details: Record<string, string | number | boolean>;
  /** The same thing, by kind and this, is noted once. */
  once: string;
}

/** Notes what an operator may have to look at later. */
export async function audit(tx: Executor, { once, ...event }: AuditEvent): Promise<void> {
  await tx
    .insert(auditEvents)
    .values({ ...event, once: toOnce(event.kind, once) })
    .onConflictDoNothing();
}

/** Whether it was noted. */
export async function isNoted(
  tx: Executor,
  { kind, once }: Pick<AuditEvent, "kind" | "once">,
): Promise<boolean> {
  const rows = await tx
    .select({ id: auditEvents.id })
    .from(auditEvents)
    .where(eq(auditEvents.once, toOnce(kind, once)));
  return rows.length > 0;
}

/** What is unique in the table. */
export function toOnce(kind: AuditEvent["kind"], once: string | number): string {
  return `${kind}:${once}`;
}

// In the words of the index audit_events_other_user.

/** The other one of two people, as text. */
export const OTHER_USER_ID = sql<string>`${auditEvents.details}->>'otherUserId'`;

export const IS_MERGE_CANDIDATE = sql`${auditEvents.kind} = 'merge_candidate'`;
