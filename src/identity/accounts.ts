import type { UnionStore } from "./store/unions.ts";
import type { Account, Profile, User, UserStore } from "./store/users.ts";

export interface AccountDeps {
  users: UserStore;
  unions: UnionStore;
}

/**
 * The person behind an account, registered when nobody knows them yet. A person is known by the
 * account, or by its unionid under another mini program of the same union scope.
 */
export async function recognise(
  { users, unions }: AccountDeps,
  account: Account,
  profile: Profile,
): Promise<{ user: User; isNewUser: boolean }> {
  const { unionid } = account;
  // Twice: whoever loses a race for the account finds it the second time.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const known = await users.recordLogin(account);
    if (known) {
      if (unionid && known.unionid !== unionid) await unions.note({ ...account, unionid });
      return { user: known.user, isNewUser: false };
    }
    const registered = unionid
      ? await unions.join({ ...account, unionid }, profile)
      : toNew(await users.register(account, profile));
    if (registered) return registered;
  }
  throw new Error("an account without a user");
}

function toNew(user: User | undefined) {
  return user && { user, isNewUser: true };
}
