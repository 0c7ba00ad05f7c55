import { randomUUID } from "node:crypto";
import { type AccountDeps, recognise } from "./accounts.ts";
import { IdentityError } from "./errors.ts";
import { parseLoginCode } from "./ids.ts";
import type { MiniApps } from "./mini-apps.ts";
import type { Wechat } from "./platforms/wechat.ts";
import { checkAvatarUrl, checkNickname, DEFAULT_NICKNAME } from "./profile-rules.ts";
import type { SessionKeyStore } from "./store/session-keys.ts";
import type { Profile, User } from "./store/users.ts";
import type { IssuedToken, Tokens } from "./tokens.ts";

export interface LoginDeps extends AccountDeps {
  miniApps: MiniApps;
  wechat: Wechat;
  sessionKeys: SessionKeyStore;
  tokens: Tokens;
  now(): number;
}

export interface LoginInput {
  code: string;
  /** Empty where the only mini program is meant. */
  appId: string;
  /** Used only when the person is new. */
  userInfo: { nickname?: string | undefined; avatarUrl?: string | undefined };
}

export interface Login {
  token: IssuedToken;
  loginSessionId: string;
  user: User;
  isNewUser: boolean;
  sessionKeyCached: boolean;
}

/** Turns the code of wx.login into a person and a token. */
export async function login(
  { miniApps, wechat, users, unions, sessionKeys, tokens, now }: LoginDeps,
  input: LoginInput,
  signal: AbortSignal,
): Promise<Login> {
  // All of the input is judged before WeChat is asked: afterwards the code is spent.
  const code = parseLoginCode(input.code);
  if (!code) {
    const message = "code is not 1 to 128 of A-Za-z0-9_-";
    throw new IdentityError("LOGIN_CODE_MALFORMED", message, { field: "code" });
  }
  const profile = firstProfile(input.userInfo);
  const app = miniApps.find(input.appId);

  const exchangedAtMs = now();
  const { openid, unionid, sessionKey } = await wechat.codeToSession(app, code, signal);
  const account = { appId: app.appId, openid, unionid, unionScope: app.unionScope };
  const [{ user, isNewUser }, sessionKeyCached] = await Promise.all([
    recognise({ users, unions }, account, profile),
    sessionKeys.keep(account, sessionKey, exchangedAtMs),
  ]);
  if (user.disabled) throw new IdentityError("USER_DISABLED", "the user is disabled");

  const loginSessionId = randomUUID();
  const token = await tokens.issue({ user, account, loginSessionId });
  return { token, loginSessionId, user, isNewUser, sessionKeyCached };
}

function firstProfile({ nickname, avatarUrl }: LoginInput["userInfo"]): Profile {
  return {
    nickname: (nickname && checkNickname(nickname)) || DEFAULT_NICKNAME,
    avatarUrl: avatarUrl ? checkAvatarUrl(avatarUrl) : "",
  };
}
