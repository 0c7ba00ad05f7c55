import { IdentityError } from "./errors.ts";
import type { UserId } from "./ids.ts";
import type { Phones } from "./phones.ts";
import type { AccountExportStore, AccountRows } from "./store/account-exports.ts";

export interface ExportAccountDeps {
  accountExports: AccountExportStore;
  phones: Phones;
}

/** All that is held about a person. */
export type AccountData = AccountRows & {
  /** The whole number, as E.164 writes it; empty when none is bound. */
  phone: string;
};

/** All that is held about a person, for themselves. `by` is the operator, if it is one. */
export async function exportAccount(
  { accountExports, phones }: ExportAccountDeps,
  userId: UserId,
  by?: string,
): Promise<AccountData> {
  const rows = await accountExports.read(userId, by);
  if (!rows) throw new IdentityError("USER_NOT_FOUND", "the user does not exist");
  const { phoneSealed } = rows.user;
  return { ...rows, phone: phoneSealed ? phones.open(phoneSealed, userId) : "" };
}
