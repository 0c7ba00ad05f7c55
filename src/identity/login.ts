import { type AccountDeps, recognise } from "./accounts.ts";
import { IdentityError } from "./errors.ts";
import type { Exchanger } from "./exchange.ts";
import { parseLoginCode } from "./ids.ts";
import type { MiniApps } from "./mini-apps.ts";
import { checkAvatarUrl, checkNickname, DEFAULT_NICKNAME } from "./profile-rules.ts";
import type { RefreshToken } from "./refresh-tokens.ts";
import type { NewLoginSession } from "./store/logins.ts";
import type { SessionKeyStore } from "./store/session-keys.ts";
import type { Profile, User } from "./store/users.ts";
import type { IssuedToken, Tokens } from "./tokens.ts";

const MAX_DEVICE_LENGTH = 64;

export interface LoginDeps extends AccountDeps {
  miniApps: MiniApps;
  exchanger: Exchanger;
  sessionKeys: SessionKeyStore;
  tokens: Tokens;
  /** How long a login lives. */
  loginTtlSeconds: number;
}

export interface LoginInput {
  code: string;
  /** Empty where the only mini program is meant. */
  appId: string;
  /** Used only when the person is new. */
  userInfo: { nickname?: string | undefined; avatarUrl?: string | undefined };
  /** Under it the login may be asked for again. */
  idempotencyKey: string | undefined;
  /** What the person will know the device by. */
  device: string;
}

export interface Login {
  token: IssuedToken;
  refreshToken: string;
  loginSessionId: string;
  user: User;
  isNewUser: boolean;
  sessionKeyCached: boolean;
}

/** Turns the code of wx.login into a person, a login session and its tokens. */
export async function login(
  deps: LoginDeps,
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
  const app = deps.miniApps.find(input.appId);

  const exchange = await deps.exchanger.exchange(app, code, input.idempotencyKey, signal);
  const { openid, unionid, sessionKey, exchangedAtMs, refreshToken } = exchange;
  const account = { appId: app.appId, openid, unionid, unionScope: app.unionScope };
  const [{ user, isNewUser, isOpen }, sessionKeyCached] = await Promise.all([
    recognise(deps, account, profile, toSession(deps, refreshToken, input.device)),
    deps.sessionKeys.keep(account, sessionKey, exchangedAtMs),
  ]);
  if (user.disabled) throw new IdentityError("USER_DISABLED", "the user is disabled");
  if (!isOpen) throw new IdentityError("LOGIN_CODE_USED", "the login of this code has ended");

  const { loginSessionId } = refreshToken;
  const remainingSeconds = deps.loginTtlSeconds;
  const token = deps.tokens.issue({ user, account, loginSessionId, remainingSeconds });
  const rest = { user, isNewUser, sessionKeyCached };
  return { token, refreshToken: refreshToken.text, loginSessionId, ...rest };
}

function toSession(
  { loginTtlSeconds }: LoginDeps,
  { loginSessionId, familyHash, tokenHash }: RefreshToken,
  device: string,
): NewLoginSession {
  return {
    id: loginSessionId,
    device: [...device.replace(/\p{C}/gu, "").trim()].slice(0, MAX_DEVICE_LENGTH).join(""),
    familyHash,
    tokenHash,
    ttlSeconds: loginTtlSeconds,
  };
}

function firstProfile({ nickname, avatarUrl }: LoginInput["userInfo"]): Profile {
  return {
    nickname: (nickname && checkNickname(nickname)) || DEFAULT_NICKNAME,
    avatarUrl: avatarUrl ? checkAvatarUrl(avatarUrl) : "",
  };
}
