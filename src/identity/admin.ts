import type { Caller } from "./callers.ts";
import { type DeleteAccountDeps, deleteAccount } from "./delete-account.ts";
import { toUserId } from "./directory.ts";
import { IdentityError } from "./errors.ts";
import { type AccountData, type ExportAccountDeps, exportAccount } from "./export-account.ts";
import type { KeyRing, RotatedKeys } from "./keys.ts";
import type { UserControlStore } from "./store/user-control.ts";
import type { User } from "./store/users.ts";

export interface AdminDeps extends DeleteAccountDeps, ExportAccountDeps {
  userControl: UserControlStore;
  keys: KeyRing;
}

/** Disables a user, whose logins end, or lets them log in again. */
export async function setUserDisabled(
  { userControl }: AdminDeps,
  { userId, disabled }: { userId: bigint; disabled: boolean },
  by: Caller,
): Promise<User> {
  const user = await userControl.setDisabled(toUserId(userId, "user_id"), disabled, by.name);
  return user ?? notFound();
}

/** Ends all logins of a user, and tells how many there were. */
export async function revokeUserSessions(
  { userControl }: AdminDeps,
  userId: bigint,
  by: Caller,
): Promise<number> {
  const ended = await userControl.endSessions(toUserId(userId, "user_id"), by.name);
  return ended ?? notFound();
}

/** Deletes a person as they could themselves; tells after what time they are erased. */
export function deleteUser(deps: AdminDeps, userId: bigint, by: Caller): Promise<Date> {
  return deleteAccount(deps, toUserId(userId, "user_id"), by.name);
}

/** All that is held about a person. */
export function exportUser(deps: AdminDeps, userId: bigint, by: Caller): Promise<AccountData> {
  return exportAccount(deps, toUserId(userId, "user_id"), by.name);
}

/** Signs with the next key from now on. */
export function rotateSigningKey(
  { keys }: AdminDeps,
  distrustPrevious: boolean,
  by: Caller,
): Promise<RotatedKeys> {
  return keys.rotate({ distrustPrevious, by: by.name });
}

function notFound(): never {
  throw new IdentityError("USER_NOT_FOUND", "the user does not exist");
}
