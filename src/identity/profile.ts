import type { Principal } from "./authenticate.ts";
import type { ContentChecks } from "./content-checks.ts";
import { IdentityError } from "./errors.ts";
import type { UserId } from "./ids.ts";
import { checkAvatarUrl, checkNickname, DEFAULT_NICKNAME } from "./profile-rules.ts";
import type { Profile, User, UserStore } from "./store/users.ts";

export interface ProfileDeps {
  users: UserStore;
  /** What the addresses of uploaded avatars begin with. */
  avatarBaseUrl: string;
  /** Undefined where WeChat is not asked. */
  contentChecks: ContentChecks | undefined;
}

/** The enabled user with this id. */
export async function getProfile({ users }: Pick<ProfileDeps, "users">, id: UserId): Promise<User> {
  const user = await users.find(id);
  if (!user) throw new IdentityError("USER_NOT_FOUND", "the user does not exist");
  if (user.disabled) throw new IdentityError("USER_DISABLED", "the user is disabled");
  return user;
}

export interface ProfileChange {
  /** Undefined stays, empty goes back to the default. */
  nickname: string | undefined;
  /** Undefined stays, empty clears. */
  avatarUrl: string | undefined;
  /** Refused when the stored version is another one. */
  expectedVersion: number | undefined;
}

/** Changes a user's profile. WeChat's default nickname and grey avatar change nothing. */
export async function updateProfile(
  deps: ProfileDeps,
  who: Principal,
  change: ProfileChange,
  signal: AbortSignal,
): Promise<User> {
  const id = who.userId;
  const changes = toChanges(change, deps.avatarBaseUrl);
  const { expectedVersion } = change;
  if (Object.keys(changes).length > 0) {
    await checkNicknameBy(deps, who, changes, signal);
    const user = await deps.users.update(id, changes, expectedVersion);
    if (user && changes.avatarUrl && changes.avatarUrl !== who.user.avatarUrl) {
      // Only now, as WeChat fetches what the address shows.
      await deps.contentChecks?.avatar(who, changes.avatarUrl, signal);
    }
    if (user) return user;
  }
  const present = await getProfile(deps, id);
  if (expectedVersion !== undefined && present.version !== expectedVersion) {
    throw new IdentityError("PROFILE_CONFLICT", "the profile was changed meanwhile", {
      field: "expected_version",
    });
  }
  return present;
}

/** What is there already, or is our own, was no person's choice now. */
async function checkNicknameBy(
  { contentChecks }: ProfileDeps,
  who: Principal,
  { nickname }: Partial<Profile>,
  signal: AbortSignal,
): Promise<void> {
  if (!nickname || nickname === DEFAULT_NICKNAME || nickname === who.user.nickname) return;
  await contentChecks?.nickname(who, nickname, signal);
}

function toChanges(
  { nickname, avatarUrl }: ProfileChange,
  avatarBaseUrl: string,
): Partial<Profile> {
  const changes: Partial<Profile> = {};
  if (nickname === "") changes.nickname = DEFAULT_NICKNAME;
  else if (nickname !== undefined) {
    const checked = checkNickname(nickname);
    if (checked) changes.nickname = checked;
  }
  if (avatarUrl === "") changes.avatarUrl = "";
  else if (avatarUrl !== undefined) {
    const checked = checkAvatarUrl(avatarUrl, avatarBaseUrl);
    if (checked) changes.avatarUrl = checked;
  }
  return changes;
}
