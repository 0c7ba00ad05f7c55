import { randomUUID } from "node:crypto";
import { eq } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import { audit } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { endLoginSessions } from "./login-sessions.ts";
import { users } from "./schema.ts";
import type { User } from "./users.ts";

/** What operators do to a user. Each is noted with who did it; undefined where there is no such user. */
export interface UserControlStore {
  /** Disables or enables. A disabled user's logins end. */
  setDisabled(id: UserId, disabled: boolean, by: string): Promise<User | undefined>;
  /** Ends all logins, and tells how many. */
  endSessions(id: UserId, by: string): Promise<number | undefined>;
}

export function createUserControlStore({ orm, run }: Db): UserControlStore {
  return {
    setDisabled: (id, disabled, by) => {
      const once = randomUUID();
      return run(
        () =>
          orm.transaction(async (tx) => {
            const [user] = await tx
              .update(users)
              .set({ disabled })
              .where(eq(users.id, id))
              .returning();
            if (!user) return undefined;
            // A statement of its own: it sees the login that the one before has waited for.
            const ended = disabled ? await endLoginSessions(tx, id) : 0;
            const kind = disabled ? "user_disabled" : "user_enabled";
            await audit(tx, { kind, userId: id, details: { by, ended }, once });
            return user;
          }),
        { repeatable: true },
      );
    },
    endSessions: (id, by) => {
      const once = randomUUID();
      return run(
        () =>
          orm.transaction(async (tx) => {
            if (!(await lockUser(tx, id))) return undefined;
            const ended = await endLoginSessions(tx, id);
            const details = { by, ended };
            await audit(tx, { kind: "user_sessions_revoked", userId: id, details, once });
            return ended;
          }),
        { repeatable: true },
      );
    },
  };
}

/** Waits for a login of theirs that is under way; the next one waits for us. */
async function lockUser(tx: Executor, id: UserId): Promise<boolean> {
  const rows = await tx.select({ id: users.id }).from(users).where(eq(users.id, id)).for("update");
  return rows.length > 0;
}
