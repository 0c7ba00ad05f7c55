import { and, eq, getTableColumns, inArray, type SQL, sql } from "drizzle-orm";
import { IdentityError } from "../errors.ts";
import type { UserId } from "../ids.ts";
import type { StoredPhone } from "../phones.ts";
import { type Db, isUniqueViolation } from "./db.ts";
import { users } from "./schema.ts";

export type User = typeof users.$inferSelect;

export interface Profile {
  nickname: string;
  avatarUrl: string;
}

/** The rows of people. */
export interface UserStore {
  find(id: UserId): Promise<User | undefined>;
  /** Those who exist, in no order. */
  findMany(ids: readonly UserId[]): Promise<User[]>;
  /**
   * Changes an enabled user's profile; undefined when there is none, or none of that version.
   */
  update(id: UserId, changes: Partial<Profile>, version?: number): Promise<User | undefined>;
  /**
   * Gives an enabled user this phone number in place of any earlier one; undefined when there is no
   * such user. Rejects with PHONE_TAKEN when it is another user's.
   */
  bindPhone(id: UserId, phone: StoredPhone): Promise<User | undefined>;
  ofPhone(phoneIndex: string): Promise<UserId | undefined>;
}

export function createUserStore(db: Db): UserStore {
  const find = db.orm
    .select()
    .from(users)
    .where(eq(users.id, sql.placeholder("id")))
    .prepare("find");
  return {
    find: async (id) => (await db.run(() => find.execute({ id }), { repeatable: true }))[0],
    findMany: (ids) =>
      db.run(
        () =>
          db.orm
            .select()
            .from(users)
            .where(inArray(users.id, [...ids])),
        { repeatable: true },
      ),
    update: async (id, changes, version) => {
      const isVersion = version === undefined ? undefined : eq(users.version, version);
      return (await change(db, id, changes, isVersion))[0];
    },
    bindPhone: async (id, phone) => {
      try {
        return (await change(db, id, phone))[0];
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        throw new IdentityError("PHONE_TAKEN", "the phone number is another user's");
      }
    },
    ofPhone: async (phoneIndex) => {
      const [row] = await db.run(
        () => db.orm.select({ id: users.id }).from(users).where(eq(users.phoneIndex, phoneIndex)),
        { repeatable: true },
      );
      return row?.id;
    },
  };
}

/**
 * Changes an enabled user, and counts the version. Made twice the change is the same, but counted twice;
 * under a condition the second would not find what it is for.
 */
function change(db: Db, id: UserId, changes: Partial<Profile & StoredPhone>, condition?: SQL) {
  return db.run(
    () =>
      db.orm
        .update(users)
        .set({ ...changes, version: sql`${users.version} + 1`, updatedAt: sql`now()` })
        .where(and(eq(users.id, id), eq(users.disabled, false), condition))
        .returning(),
    { repeatable: condition === undefined },
  );
}

export const USER_COLUMNS = getTableColumns(users);

export type UserColumns = typeof USER_COLUMNS;
