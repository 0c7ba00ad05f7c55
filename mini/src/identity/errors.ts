import type { Language } from "./types";

/** What the person reads when it is not the service that says so. */
const MESSAGES = {
  NETWORK: {
    "zh-CN": "网络连接失败，请检查网络后重试",
    en: "There is no connection. Please check the network and try again",
  },
  WX_LOGIN_FAILED: {
    "zh-CN": "微信登录失败，请稍后重试",
    en: "WeChat could not log you in. Please try again",
  },
  BAD_RESPONSE: {
    "zh-CN": "服务暂时不可用，请稍后再试",
    en: "The service is not available right now. Please try again shortly",
  },
  LOGGED_OUT: { "zh-CN": "你已退出登录", en: "You have logged out" },
  AVATAR_INVALID: {
    "zh-CN": "这张图片不能用作头像，请换一张 PNG、JPEG 或 WebP 图片",
    en: "This picture cannot be used. Please choose a PNG, JPEG or WebP one",
  },
} as const;

/** A reason that the client itself gives. */
export type ClientReason = keyof typeof MESSAGES;

/** Why something did not work. Decide by `reason`; `message` is for the person to read. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
  /**
   * One of the service's, or the client's own: NETWORK (no answer came), WX_LOGIN_FAILED (wx.login
   * gave no code), BAD_RESPONSE (not an answer of the service), LOGGED_OUT (`logout` was called),
   * AVATAR_INVALID with status 0 (the file cannot be read or is no PNG, JPEG or WebP).
   */
  readonly reason: string;
  /** Of HTTP; 0 when no answer came. */
  readonly status: number;
  /** To find the request in the service's log. */
  readonly requestId?: string;
  /** In how many seconds trying again can help. */
  readonly retryAfter?: number;

  constructor(
    reason: string,
    message: string,
    details: { status?: number; requestId?: string; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message);
    this.reason = reason;
    this.status = details.status ?? 0;
    if (details.requestId !== undefined) this.requestId = details.requestId;
    if (details.retryAfter !== undefined) this.retryAfter = details.retryAfter;
    // Not by super: the engines of older phones drop it.
    if (details.cause !== undefined) this.cause = details.cause;
  }
}

/** An error of the client's own. `cause` holds WeChat's errMsg, for the developer. */
export function clientError(
  reason: ClientReason,
  language: Language,
  details: { status?: number; requestId?: string; cause?: unknown } = {},
): IdentityError {
  return new IdentityError(reason, MESSAGES[reason][language], details);
}

/** Whether an error has one of these reasons. */
export function hasReason(error: unknown, ...reasons: readonly string[]): boolean {
  return error instanceof IdentityError && reasons.includes(error.reason);
}
