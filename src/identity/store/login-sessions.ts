import { and, desc, eq, gt, inArray, isNull, sql } from "drizzle-orm";
import type { AppId, UserId } from "../ids.ts";
import { audit } from "./audit.ts";
import type { Db, Executor } from "./db.ts";
import { loginSessions, users } from "./schema.ts";
import { USER_COLUMNS, type User } from "./users.ts";

/** For how long a used refresh token may come again under the same idempotency key. */
const GRACE = sql`interval '10 seconds'`;

const MAX_LISTED = 100;

/** A login that has not ended. */
export type LoginSession = Pick<
  typeof loginSessions.$inferSelect,
  "id" | "appId" | "device" | "createdAt" | "lastUsedAt"
>;

/** The hashes of a refresh token, and the login that it names. */
export interface TokenHashes {
  loginSessionId: string;
  familyHash: string;
  tokenHash: string;
}

/** What came of a refresh token. */
export type Rotation =
  | {
      state: "rotated";
      user: User;
      account: Pick<typeof loginSessions.$inferSelect, "appId" | "openid">;
      /** What is left of the login, by the database's clock. */
      remainingSeconds: number;
    }
  | { state: "invalid" | "disabled" | "reused" };

/** Login sessions and the refresh tokens they are kept up with. */
export interface LoginSessionStore {
  /** A user, and whether this login of theirs is alive; undefined when there is no such user. */
  find(id: string, userId: UserId): Promise<{ user: User; isAlive: boolean } | undefined>;
  /**
   * Puts `successor` in the place of `presented`, in one statement: of several at once one succeeds.
   * Found in its place already, as after a retry, it stays. Any other used token ends the login.
   */
  rotate(
    presented: TokenHashes,
    successor: TokenHashes,
    appIds: readonly AppId[],
  ): Promise<Rotation>;
  /** Those that have not ended, the latest first, 100 at most. */
  list(userId: UserId): Promise<LoginSession[]>;
  /** Ends one; false when the user never had it. */
  end(id: string, userId: UserId): Promise<boolean>;
}

export function createLoginSessionStore({ orm, run }: Db): LoginSessionStore {
  const find = prepareFind(orm);
  const repeatable = { repeatable: true };
  return {
    find: async (id, userId) => {
      const [row] = await run(() => find.execute({ id, userId }), repeatable);
      return row;
    },
    rotate: async (presented, successor, appIds) => {
      const rotated = await run(() => rotateToken(orm, presented, successor, appIds), repeatable);
      if (rotated) return rotated;
      const found = await run(() => examine(orm, presented, successor, appIds), repeatable);
      if (found.state !== "reused") return found;
      await run(() => orm.transaction((tx) => endReused(tx, presented)), repeatable);
      return found;
    },
    list: (userId) =>
      run(
        () =>
          orm
            .select({
              id: loginSessions.id,
              appId: loginSessions.appId,
              device: loginSessions.device,
              createdAt: loginSessions.createdAt,
              lastUsedAt: loginSessions.lastUsedAt,
            })
            .from(loginSessions)
            .where(and(eq(loginSessions.userId, userId), IS_ALIVE))
            .orderBy(desc(loginSessions.createdAt), desc(loginSessions.id))
            .limit(MAX_LISTED),
        repeatable,
      ),
    end: async (id, userId) => {
      const ended = await run(
        () =>
          orm
            .update(loginSessions)
            .set({ revokedAt: END_TIME })
            .where(and(eq(loginSessions.id, id), eq(loginSessions.userId, userId)))
            .returning({ id: loginSessions.id }),
        repeatable,
      );
      return ended.length > 0;
    },
  };
}

/** Ends all logins of a user that have not ended, and tells how many. */
export async function endLoginSessions(tx: Executor, userId: UserId): Promise<number> {
  const ended = await tx
    .update(loginSessions)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(loginSessions.userId, userId), IS_ALIVE))
    .returning({ id: loginSessions.id });
  return ended.length;
}

const IS_ALIVE = and(isNull(loginSessions.revokedAt), gt(loginSessions.expiresAt, sql`now()`));

/** The first end is the one that counts. */
const END_TIME = sql`coalesce(${loginSessions.revokedAt}, now())`;

function prepareFind(orm: Executor) {
  const session = and(
    eq(loginSessions.id, sql.placeholder("id")),
    eq(loginSessions.userId, users.id),
    IS_ALIVE,
  );
  return orm
    .select({ user: USER_COLUMNS, isAlive: sql<boolean>`${loginSessions.id} is not null` })
    .from(users)
    .leftJoin(loginSessions, session)
    .where(eq(users.id, sql.placeholder("userId")))
    .prepare("find_login_session");
}

async function rotateToken(
  orm: Executor,
  presented: TokenHashes,
  successor: TokenHashes,
  appIds: readonly AppId[],
): Promise<Rotation | undefined> {
  const [row] = await orm
    .update(loginSessions)
    .set({
      previousHash: presented.tokenHash,
      tokenHash: successor.tokenHash,
      rotatedAt: sql`now()`,
      lastUsedAt: sql`now()`,
    })
    .from(users)
    .where(
      and(
        isOfFamily(presented),
        eq(loginSessions.tokenHash, presented.tokenHash),
        inArray(loginSessions.appId, [...appIds]),
        IS_ALIVE,
        eq(users.id, loginSessions.userId),
        eq(users.disabled, false),
      ),
    )
    .returning(ROTATED);
  return row && { state: "rotated", ...row };
}

/** Why a token could not be rotated. */
async function examine(
  orm: Executor,
  presented: TokenHashes,
  successor: TokenHashes,
  appIds: readonly AppId[],
): Promise<Rotation> {
  const [row] = await orm
    .select({
      ...ROTATED,
      isAlive: sql<boolean>`${IS_ALIVE}`,
      isCurrent: sql<boolean>`${loginSessions.tokenHash} = ${presented.tokenHash}`,
      isRetry: sql<boolean>`${loginSessions.previousHash} = ${presented.tokenHash}
        and ${loginSessions.tokenHash} = ${successor.tokenHash}
        and ${loginSessions.rotatedAt} > now() - ${GRACE}`,
    })
    .from(loginSessions)
    .innerJoin(users, eq(users.id, loginSessions.userId))
    .where(and(isOfFamily(presented), inArray(loginSessions.appId, [...appIds])));
  if (!row) return { state: "invalid" };
  const { isAlive, isCurrent, isRetry, ...rotated } = row;
  if (rotated.user.disabled) return { state: "disabled" };
  if (isCurrent || (isRetry && !isAlive)) return { state: "invalid" };
  return isRetry ? { state: "rotated", ...rotated } : { state: "reused" };
}

async function endReused(tx: Executor, presented: TokenHashes): Promise<void> {
  const [ended] = await tx
    .update(loginSessions)
    .set({ revokedAt: END_TIME })
    .where(isOfFamily(presented))
    .returning();
  if (!ended) return;
  const { userId, appId, device, id } = ended;
  const details = { loginSessionId: id, appId, device };
  await audit(tx, { kind: "refresh_token_reused", userId, details, once: id });
}

function isOfFamily({ loginSessionId, familyHash }: TokenHashes) {
  return and(eq(loginSessions.id, loginSessionId), eq(loginSessions.familyHash, familyHash));
}

const ROTATED = {
  user: USER_COLUMNS,
  account: { appId: loginSessions.appId, openid: loginSessions.openid },
  remainingSeconds: sql<number>`extract(epoch from ${loginSessions.expiresAt} - now())::int`,
};
