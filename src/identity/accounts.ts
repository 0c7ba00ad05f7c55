import type { Account, LoginRecord, LoginStore, NewLoginSession } from "./store/logins.ts";
import type { UnionStore } from "./store/unions.ts";
import type { Profile } from "./store/users.ts";

export interface AccountDeps {
  logins: LoginStore;
  unions: UnionStore;
}

/**
 * The person behind an account, registered when nobody knows them yet, and logged in. A person is
 * known by the account, or by its unionid under another mini program of the same union scope.
 */
export async function recognise(
  { logins, unions }: AccountDeps,
  account: Account,
  profile: Profile,
  session: NewLoginSession,
): Promise<LoginRecord> {
  const { unionid } = account;
  // Whoever loses a race for the account finds it the second time, or the third where its user was just merged.
  for (let attempt = 1; attempt <= 3; attempt++) {
    const known = await logins.record(account, session);
    if (known) {
      if (unionid && known.unionid !== unionid) await unions.note({ ...account, unionid });
      return known;
    }
    const registered = unionid
      ? await unions.join({ ...account, unionid }, profile, session)
      : await logins.register(account, profile, session);
    if (registered) return registered;
  }
  throw new Error("an account without a user");
}
