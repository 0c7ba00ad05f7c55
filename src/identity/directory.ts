import { IdentityError } from "./errors.ts";
import { parseOpenid, parseUnionid, parseUserId, type UserId } from "./ids.ts";
import type { MiniApps } from "./mini-apps.ts";
import { isE164, type Phones } from "./phones.ts";
import type { AccountStore, OwnedAccount } from "./store/accounts.ts";
import type { User, UserStore } from "./store/users.ts";

const MAX_BATCH = 100;

export interface DirectoryDeps {
  users: UserStore;
  accounts: AccountStore;
  miniApps: MiniApps;
  phones: Phones;
}

export interface Person {
  user: User;
  /** As E.164 writes it; empty when none is bound. */
  phone: string;
  accounts: OwnedAccount[];
}

/** How a person is looked for. */
export type LookUp =
  | { case: "id"; value: bigint }
  | { case: "account"; value: { appId: string; openid: string } }
  | { case: "unionid"; value: string }
  | { case: "phone"; value: string }
  | { case: undefined };

/** One person with their accounts, disabled or not. */
export async function getUser(deps: DirectoryDeps, by: LookUp): Promise<Person> {
  const id = await find(deps, by);
  const [person] = id === undefined ? [] : await people(deps, [id]);
  if (person) return person;
  throw new IdentityError("USER_NOT_FOUND", "the user does not exist");
}

/** Those of the people who exist, in the order of the ids, each once. */
export async function batchGetUsers(
  deps: DirectoryDeps,
  ids: readonly bigint[],
): Promise<Person[]> {
  if (ids.length < 1 || ids.length > MAX_BATCH) {
    throw new IdentityError("INVALID_FIELD", "ids are not 1 to 100", { field: "ids" });
  }
  return people(deps, [...new Set(ids.map((id) => toUserId(id, "ids")))]);
}

async function find(deps: DirectoryDeps, by: LookUp): Promise<UserId | undefined> {
  switch (by.case) {
    case "id":
      return toUserId(by.value, "id");
    case "account": {
      const openid = parseOpenid(by.value.openid);
      if (!openid) throw invalid("account.openid");
      return deps.accounts.ofAccount(deps.miniApps.find(by.value.appId).appId, openid);
    }
    case "unionid": {
      const unionid = parseUnionid(by.value);
      if (!unionid) throw invalid("unionid");
      return deps.accounts.ofUnionid(unionid);
    }
    case "phone":
      if (!isE164(by.value)) throw invalid("phone");
      return deps.users.ofPhone(deps.phones.indexOf(by.value));
    default:
      throw new IdentityError(
        "INVALID_FIELD",
        "name an id, an account, a unionid or a phone number",
        {
          field: "by",
        },
      );
  }
}

async function people(deps: DirectoryDeps, ids: readonly UserId[]): Promise<Person[]> {
  const [users, accounts] = await Promise.all([
    deps.users.findMany(ids),
    deps.accounts.ofUsers(ids),
  ]);
  const byId = new Map(users.map((user) => [user.id, user]));
  return ids.flatMap((id) => {
    const user = byId.get(id);
    if (!user) return [];
    const phone = user.phoneSealed ? deps.phones.open(user.phoneSealed, id) : "";
    return [{ user, phone, accounts: accounts.filter(({ userId }) => userId === id) }];
  });
}

export function toUserId(value: bigint, field: string): UserId {
  const id = parseUserId(value);
  if (id === undefined) throw invalid(field);
  return id;
}

function invalid(field: string): IdentityError {
  return new IdentityError("INVALID_FIELD", `${field} is not one`, { field });
}
