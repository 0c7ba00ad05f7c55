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
    .values({ ...event, once: `${event.kind}:${once}` })
    .onConflictDoNothing();
}
