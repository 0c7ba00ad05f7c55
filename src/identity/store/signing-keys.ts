import { eq, inArray, sql } from "drizzle-orm";
import type { Db } from "./db.ts";
import { type PublicJwk, signingKeys } from "./schema.ts";

export type SigningKeyRow = Pick<
  typeof signingKeys.$inferSelect,
  "kid" | "state" | "publicJwk" | "encryptedPrivateKey"
>;

export interface SigningKeyStore {
  /** Every key that a token in use may be signed with, the active one first. */
  list(): Promise<SigningKeyRow[]>;
  /** Makes this key the active one, unless there is one already. */
  addFirst(row: Omit<SigningKeyRow, "state">): Promise<void>;
}

export type { PublicJwk };

export function createSigningKeyStore(db: Db): SigningKeyStore {
  const rank = sql`case ${signingKeys.state} when 'active' then 0 else 1 end`;
  return {
    list: () =>
      db.run(
        () =>
          db.orm
            .select()
            .from(signingKeys)
            .where(inArray(signingKeys.state, ["active", "next", "retired"]))
            .orderBy(rank, signingKeys.createdAt),
        { repeatable: true },
      ),
    addFirst: async (row) => {
      await db.run(() =>
        db.orm
          .insert(signingKeys)
          .values({ ...row, state: "active" })
          .onConflictDoNothing({
            target: signingKeys.state,
            where: eq(signingKeys.state, sql`'active'`),
          }),
      );
    },
  };
}
