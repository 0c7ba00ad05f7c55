import { randomUUID } from "node:crypto";
import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { UserId } from "../ids.ts";
import { audit } from "./audit.ts";
import type { Db } from "./db.ts";
import type { Page } from "./page.ts";
import { users } from "./schema.ts";
import type { User } from "./users.ts";

/** What people are looked for by; all of it has to hold. */
export interface UserCriteria {
  nicknamePrefix?: string | undefined;
  username?: string | undefined;
  phoneIndex?: string | undefined;
  disabled?: boolean | undefined;
}

/** Finds people for operators. */
export interface UserSearchStore {
  /** `by` is the operator; that they looked is noted, and by what, but not for whom. */
  search(criteria: UserCriteria, page: Page, by: string): Promise<User[]>;
}

export function createUserSearchStore({ orm, run }: Db): UserSearchStore {
  return {
    search: (criteria, { limit, before }, by) => {
      const once = randomUUID();
      const { nicknamePrefix, username, phoneIndex, disabled } = criteria;
      const condition = and(
        nicknamePrefix ? sql`${users.nickname} like ${toPattern(nicknamePrefix)}` : undefined,
        username ? eq(users.username, username) : undefined,
        phoneIndex ? eq(users.phoneIndex, phoneIndex) : undefined,
        disabled === undefined ? undefined : eq(users.disabled, disabled),
        before === undefined ? undefined : lt(users.id, before as UserId),
      );
      return run(
        () =>
          orm.transaction(async (tx) => {
            const found = await tx
              .select()
              .from(users)
              .where(condition)
              .orderBy(desc(users.id))
              .limit(limit);
            const named = Object.entries(criteria).filter(([, value]) => value !== undefined);
            const details = { by, criteria: named.map(([name]) => name).join(",") };
            await audit(tx, { kind: "users_searched", userId: null, details, once });
            return found;
          }),
        { repeatable: true },
      );
    },
  };
}

/** What begins with this, whose own % and _ mean themselves. */
function toPattern(prefix: string): string {
  return `${prefix.replace(/[\\%_]/g, "\\$&")}%`;
}
