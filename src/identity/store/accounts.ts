import { and, asc, eq, inArray, sql } from "drizzle-orm";
import type { AppId, Openid, Unionid, UserId } from "../ids.ts";
import type { Db } from "./db.ts";
import type { Account } from "./logins.ts";
import { miniAccounts } from "./schema.ts";

/** An account and whose it is. */
export type OwnedAccount = Account & { userId: UserId };

/** The rows of accounts, for those who ask who somebody is. */
export interface AccountStore {
  ofAccount(appId: AppId, openid: Openid): Promise<UserId | undefined>;
  /** The first of the people that WeChat says to be this one. */
  ofUnionid(unionid: Unionid): Promise<UserId | undefined>;
  /** Every account of these people, in the order in which they were first seen. */
  ofUsers(ids: readonly UserId[]): Promise<OwnedAccount[]>;
}

export function createAccountStore({ orm, run }: Db): AccountStore {
  const byAccount = orm
    .select({ userId: miniAccounts.userId })
    .from(miniAccounts)
    .where(
      and(
        eq(miniAccounts.appId, sql.placeholder("appId")),
        eq(miniAccounts.openid, sql.placeholder("openid")),
      ),
    )
    .prepare("user_of_account");
  const byUnionid = orm
    .select({ userId: miniAccounts.userId })
    .from(miniAccounts)
    .where(eq(miniAccounts.unionid, sql.placeholder("unionid")))
    .orderBy(asc(miniAccounts.createdAt), asc(miniAccounts.userId))
    .limit(1)
    .prepare("user_of_unionid");
  const repeatable = { repeatable: true };
  return {
    ofAccount: async (appId, openid) => {
      const [row] = await run(() => byAccount.execute({ appId, openid }), repeatable);
      return row?.userId;
    },
    ofUnionid: async (unionid) => {
      const [row] = await run(() => byUnionid.execute({ unionid }), repeatable);
      return row?.userId;
    },
    ofUsers: async (ids) => {
      const rows = await run(
        () =>
          orm
            .select()
            .from(miniAccounts)
            .where(inArray(miniAccounts.userId, [...ids]))
            .orderBy(asc(miniAccounts.createdAt), asc(miniAccounts.appId)),
        repeatable,
      );
      return rows.map(({ unionid, ...row }) => ({ ...row, unionid: unionid ?? undefined }));
    },
  };
}
