import { randomUUID } from "node:crypto";
import { and, eq, inArray, lt, sql } from "drizzle-orm";
import { audit } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { type PublicJwk, signingKeys } from "./schema.ts";

export type SigningKeyRow = Pick<
  typeof signingKeys.$inferSelect,
  "kid" | "state" | "publicJwk" | "encryptedPrivateKey"
>;

/** A key that no state was found for yet. */
export type NewSigningKey = Omit<SigningKeyRow, "state">;

export interface RotateOptions {
  /** Is published from now on, and signs after the next rotation. */
  fresh: NewSigningKey;
  /** The next key signs only when it has been published for so long. */
  minPublishedSeconds: number;
  /** Nothing is done while the active key is younger. */
  minActiveSeconds: number;
  /** Forgets every key before the active one. */
  distrustPrevious: boolean;
  by: string;
}

/** The keys by state: one is active, one is next, the rest are retired. */
export interface SigningKeyStore {
  /** Every key that a token in use may be signed with, the active one first, then the next one. */
  list(): Promise<SigningKeyRow[]>;
  /** Puts a key into a state that only one key is in, unless one is there already. */
  addUnlessThere(state: "active" | "next", key: NewSigningKey): Promise<void>;
  /** next -> active -> retired; false when it was too early for it. Of several at once one does it. */
  rotate(options: RotateOptions): Promise<boolean>;
  /** Forgets the keys that retired so long ago. */
  forgetRetired(afterSeconds: number): Promise<void>;
}

export type { PublicJwk };

export function createSigningKeyStore({ orm, run }: Db): SigningKeyStore {
  const rank = sql`case ${signingKeys.state} when 'active' then 0 when 'next' then 1 else 2 end`;
  return {
    list: () =>
      run(
        () =>
          orm
            .select({
              kid: signingKeys.kid,
              state: signingKeys.state,
              publicJwk: signingKeys.publicJwk,
              encryptedPrivateKey: signingKeys.encryptedPrivateKey,
            })
            .from(signingKeys)
            .orderBy(rank, signingKeys.createdAt),
        { repeatable: true },
      ),
    addUnlessThere: async (state, key) => {
      const activatedAt = state === "active" ? sql`now()` : null;
      await run(() =>
        orm
          .insert(signingKeys)
          .values({ ...key, state, activatedAt })
          .onConflictDoNothing(),
      );
    },
    rotate: (options) => {
      const once = randomUUID();
      return run(() => orm.transaction((tx) => rotate(tx, options, once)));
    },
    forgetRetired: async (afterSeconds) => {
      const before = sql`now() - make_interval(secs => ${afterSeconds})`;
      await run(() =>
        orm
          .delete(signingKeys)
          .where(and(eq(signingKeys.state, "retired"), lt(signingKeys.retiredAt, before))),
      );
    },
  };
}

async function rotate(
  tx: Executor,
  { fresh, minPublishedSeconds, minActiveSeconds, distrustPrevious, by }: RotateOptions,
  once: string,
): Promise<boolean> {
  const age = (since: unknown, seconds: number) =>
    sql<boolean>`${since} <= now() - make_interval(secs => ${seconds})`;
  const rows = await tx
    .select({
      kid: signingKeys.kid,
      state: signingKeys.state,
      isKnown: age(signingKeys.createdAt, minPublishedSeconds),
      isOld: age(sql`coalesce(activated_at, created_at)`, minActiveSeconds),
    })
    .from(signingKeys)
    .where(inArray(signingKeys.state, ["active", "next"]))
    .for("update");
  const active = rows.find(({ state }) => state === "active");
  const next = rows.find(({ state }) => state === "next");
  // Whoever waited for another rotation does not find its next key.
  const isTime = Boolean(active?.isOld && next?.isKnown);
  if (isTime && active && next) {
    await setState(tx, active.kid, { state: "retired", retiredAt: sql`now()` });
    await setState(tx, next.kid, { state: "active", activatedAt: sql`now()` });
    await tx.insert(signingKeys).values({ ...fresh, state: "next" });
    const details = { by, from: active.kid, to: next.kid, distrustPrevious };
    await audit(tx, { kind: "signing_key_rotated", userId: null, details, once });
  }
  if (distrustPrevious) await tx.delete(signingKeys).where(eq(signingKeys.state, "retired"));
  return isTime;
}

function setState(tx: Executor, kid: string, values: object) {
  return tx.update(signingKeys).set(values).where(eq(signingKeys.kid, kid));
}
