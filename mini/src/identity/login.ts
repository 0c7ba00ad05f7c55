import { clientError, hasReason } from "./errors";
import { DEFAULT_TIMEOUT_MS, type Send } from "./http";
import { createIdempotencyKey } from "./idempotency-key";
import { type Platform, within } from "./platform";
import { fromReply, type Tokens } from "./token-store";
import type { IdentityOptions, LoginResult, UserInfo } from "./types";

/** A login that came about. */
export interface Login extends LoginResult {
  tokens: Tokens;
}

/**
 * Trades a code of wx.login for tokens. A code that is used up or unknown, as WeChat has it of codes that
 * lay around for five minutes, is tried once more with a fresh one, unless `isWanted` says no by then.
 */
export async function logIn(
  options: IdentityOptions,
  platform: Platform,
  send: Send,
  userInfo: UserInfo | undefined,
  isWanted: () => boolean,
): Promise<Login> {
  const language = options.language ?? "zh-CN";
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const freshCode = () =>
    options.loginCode ? within(timeoutMs, options.loginCode()) : platform.loginCode(timeoutMs);

  async function attempt(): Promise<Login> {
    const code = await getCode();
    if (!isWanted()) throw clientError("LOGGED_OUT", language);
    const reply = (await send({
      path: "/api/v1/auth/mini-login",
      method: "POST",
      data: {
        code,
        ...(options.appId ? { appId: options.appId } : {}),
        ...(userInfo ? { userInfo } : {}),
      },
      idempotencyKey: createIdempotencyKey(),
    })) as Partial<LoginResult> | null;
    const tokens = fromReply(reply);
    if (!tokens || !reply?.user) throw clientError("BAD_RESPONSE", language, { status: 200 });
    return { tokens, user: reply.user, isNewUser: reply.isNewUser === true };
  }

  async function getCode(): Promise<string> {
    try {
      const code = await freshCode();
      if (!code) throw new Error("no code");
      return code;
    } catch (cause) {
      throw clientError("WX_LOGIN_FAILED", language, { cause });
    }
  }

  try {
    return await attempt();
  } catch (error) {
    if (!hasReason(error, "LOGIN_CODE_USED", "LOGIN_CODE_INVALID") || !isWanted()) throw error;
    return attempt();
  }
}
