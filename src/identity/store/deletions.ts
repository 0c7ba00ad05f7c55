import { randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import { audit } from "./audit.ts";
import type { Db } from "./db.ts";
import { endLoginSessions } from "./login-sessions.ts";
import { miniAccounts, users } from "./schema.ts";
import type { KeyOwner } from "./session-keys.ts";

/** A person who is to be erased. */
export interface Deletion {
  eraseAfter: Date;
  accounts: KeyOwner[];
}

/** The wish to be erased. A login takes it back (logins.ts), and erasure.ts fulfils it. */
export interface DeletionStore {
  /**
   * Ends all logins of a person, who is erased after the grace; asked for again, the first time
   * stays. `by` is the operator, if it was one. Undefined where there is no such user.
   */
  request(id: UserId, graceSeconds: number, by?: string): Promise<Deletion | undefined>;
}

export function createDeletionStore({ orm, run }: Db): DeletionStore {
  return {
    request: (id, graceSeconds, by) => {
      const once = randomUUID();
      return run(
        () =>
          orm.transaction(async (tx) => {
            const end = sql`now() + make_interval(secs => ${graceSeconds})`;
            const [user] = await tx
              .update(users)
              .set({ eraseAfter: sql`coalesce(${users.eraseAfter}, ${end})` })
              .where(eq(users.id, id))
              .returning({ eraseAfter: users.eraseAfter });
            if (!user?.eraseAfter) return undefined;
            // A statement of its own: it sees the login that the one before has waited for.
            const ended = await endLoginSessions(tx, id);
            const details = by === undefined ? { ended } : { by, ended };
            await audit(tx, { kind: "user_deletion_requested", userId: id, details, once });
            const accounts = await tx
              .select({ appId: miniAccounts.appId, openid: miniAccounts.openid })
              .from(miniAccounts)
              .where(eq(miniAccounts.userId, id));
            return { eraseAfter: user.eraseAfter, accounts };
          }),
        { repeatable: true },
      );
    },
  };
}
