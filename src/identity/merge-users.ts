import type { Caller } from "./callers.ts";
import { toUserId } from "./directory.ts";
import { IdentityError } from "./errors.ts";
import type { Phones } from "./phones.ts";
import { DEFAULT_NICKNAME } from "./profile-rules.ts";
import type { MergeStore, TakeOver } from "./store/merges.ts";
import type { User } from "./store/users.ts";

export interface MergeUsersDeps {
  merges: MergeStore;
}

/** Makes one user of two; `otherUserId` is gone afterwards. */
export async function mergeUsers(
  { merges }: MergeUsersDeps,
  { userId, otherUserId }: { userId: bigint; otherUserId: bigint },
  by: Caller,
): Promise<User> {
  const id = toUserId(userId, "user_id");
  const other = toUserId(otherUserId, "other_user_id");
  if (id === other) {
    const message = "other_user_id is user_id";
    throw new IdentityError("INVALID_FIELD", message, { field: "other_user_id" });
  }
  const user = await merges.merge(id, other, by.name);
  if (user) return user;
  throw new IdentityError("USER_NOT_FOUND", "one of the users does not exist");
}

/** What the user who remains lacks comes from the other; a ban of either stays. */
export function createTakeOver(phones: Phones): TakeOver {
  return (kept, gone) => {
    const { phoneSealed, phoneIndex, phoneMasked } = gone;
    const comes = phoneSealed && !kept.phoneSealed;
    return {
      ...(comes
        ? { phoneSealed: phones.move(phoneSealed, gone.id, kept.id), phoneIndex, phoneMasked }
        : {}),
      nickname: kept.nickname === DEFAULT_NICKNAME ? gone.nickname : kept.nickname,
      avatarUrl: kept.avatarUrl || gone.avatarUrl,
      disabled: kept.disabled || gone.disabled,
    };
  };
}
