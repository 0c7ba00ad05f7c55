import { IdentityError } from "./errors.ts";
import type { UserId } from "./ids.ts";
import type { DeletionStore } from "./store/deletions.ts";
import type { SessionKeyStore } from "./store/session-keys.ts";

export interface DeleteAccountDeps {
  deletions: DeletionStore;
  sessionKeys: SessionKeyStore;
  deletionGraceSeconds: number;
}

/**
 * Ends a person's logins and has them erased after the grace, unless they log in before; tells after
 * what time. `by` is the operator, if it is one.
 */
export async function deleteAccount(
  { deletions, sessionKeys, deletionGraceSeconds }: DeleteAccountDeps,
  userId: UserId,
  by?: string,
): Promise<Date> {
  const deletion = await deletions.request(userId, deletionGraceSeconds, by);
  if (!deletion) throw new IdentityError("USER_NOT_FOUND", "the user does not exist");
  // Without Redis they end by themselves.
  await Promise.all(deletion.accounts.map((account) => sessionKeys.forget(account)));
  return deletion.eraseAfter;
}
