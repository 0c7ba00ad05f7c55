import type { GatewayReason } from "./errors.ts";

/** A language that messages exist in. */
export type Language = "zh-CN" | "en";

/** What the person holding the phone reads, by reason. */
export const MESSAGES = {
  INVALID_FIELD: {
    "zh-CN": "提交的内容有误，请检查后重试",
    en: "Something in the request is not right. Please check it and try again",
  },
  LOGIN_CODE_MALFORMED: {
    "zh-CN": "登录凭证无效，请重新登录",
    en: "The login code is not valid. Please log in again",
  },
  LOGIN_CODE_INVALID: {
    "zh-CN": "登录凭证已失效，请重新登录",
    en: "The login code has expired. Please log in again",
  },
  LOGIN_CODE_USED: {
    "zh-CN": "登录凭证已被使用，请重新登录",
    en: "The login code was already used. Please log in again",
  },
  LOGIN_RISK_BLOCKED: {
    "zh-CN": "微信检测到账号存在风险，暂时无法登录",
    en: "WeChat is holding this login back for security reasons",
  },
  APP_REQUIRED: {
    "zh-CN": "无法识别当前小程序，请更新后重试",
    en: "We cannot tell which mini program this is. Please update it and try again",
  },
  APP_UNKNOWN: {
    "zh-CN": "当前小程序暂不支持登录",
    en: "This mini program cannot be logged in to",
  },
  APP_MISCONFIGURED: {
    "zh-CN": "登录服务配置有误，我们正在处理",
    en: "Login is not set up correctly. We are looking into it",
  },
  UPSTREAM_BUSY: {
    "zh-CN": "微信服务繁忙，请稍后再试",
    en: "WeChat is busy. Please try again shortly",
  },
  UPSTREAM_QUOTA: {
    "zh-CN": "登录的人太多了，请一分钟后再试",
    en: "Too many people are logging in. Please try again in a minute",
  },
  UPSTREAM_BAD_RESPONSE: {
    "zh-CN": "微信服务异常，请稍后再试",
    en: "WeChat did not answer properly. Please try again later",
  },
  NICKNAME_INVALID: {
    "zh-CN": "昵称不符合要求：1 到 32 个字，不含特殊控制字符或违规内容",
    en: "This nickname cannot be used: 1 to 32 characters, no control characters, nothing against WeChat's rules",
  },
  AVATAR_INVALID: {
    "zh-CN": "头像不符合要求，请换一张头像",
    en: "This avatar cannot be used. Please choose another one",
  },
  PROFILE_CONFLICT: {
    "zh-CN": "资料已在别处修改，请刷新后重试",
    en: "Your profile was changed elsewhere. Please refresh and try again",
  },
  USER_NOT_FOUND: { "zh-CN": "账号不存在", en: "This account does not exist" },
  USER_DISABLED: {
    "zh-CN": "账号已被停用，如有疑问请联系客服",
    en: "This account is disabled. Please contact support",
  },
  TOKEN_MISSING: { "zh-CN": "请先登录", en: "Please log in first" },
  TOKEN_INVALID: {
    "zh-CN": "登录状态无效，请重新登录",
    en: "Your login is not valid. Please log in again",
  },
  TOKEN_EXPIRED: {
    "zh-CN": "登录已过期，请重新登录",
    en: "Your login has expired. Please log in again",
  },
  TOKEN_REVOKED: {
    "zh-CN": "登录已退出，请重新登录",
    en: "You have been logged out. Please log in again",
  },
  REFRESH_TOKEN_INVALID: {
    "zh-CN": "登录已过期，请重新登录",
    en: "Your login has expired. Please log in again",
  },
  REFRESH_TOKEN_REUSED: {
    "zh-CN": "登录状态异常，为了账号安全请重新登录",
    en: "Something is wrong with your login. To keep your account safe, please log in again",
  },
  STORAGE_UNAVAILABLE: {
    "zh-CN": "服务暂时不可用，请稍后再试",
    en: "The service is not available right now. Please try again shortly",
  },
  RATE_LIMITED: {
    "zh-CN": "操作太频繁，请稍后再试",
    en: "That was too often. Please try again in a moment",
  },
  OVERLOADED: {
    "zh-CN": "当前访问人数较多，请稍后再试",
    en: "The service is busy. Please try again shortly",
  },
  INTERNAL: {
    "zh-CN": "服务出了点问题，请稍后再试",
    en: "Something went wrong. Please try again later",
  },
  CALLER_UNKNOWN: { "zh-CN": "无权访问", en: "Access is not allowed" },
  CALLER_FORBIDDEN: { "zh-CN": "没有权限执行此操作", en: "This is not allowed" },
  SESSION_KEY_MISSING: {
    "zh-CN": "登录状态已失效，请重新登录",
    en: "Your login has expired. Please log in again",
  },
  SESSION_KEY_STALE: {
    "zh-CN": "登录状态已更新，请重新登录",
    en: "Your login has changed. Please log in again",
  },
  PHONE_CODE_INVALID: {
    "zh-CN": "手机号授权已失效，请重新点击获取",
    en: "The phone number request has expired. Please try again",
  },
  PHONE_TAKEN: {
    "zh-CN": "该手机号已绑定其他账号",
    en: "This phone number belongs to another account",
  },
  DATA_REJECTED: {
    "zh-CN": "数据校验失败，请重试",
    en: "The data could not be verified. Please try again",
  },
  ROUTE_NOT_FOUND: { "zh-CN": "请求的页面不存在", en: "There is nothing at this address" },
  METHOD_NOT_ALLOWED: { "zh-CN": "不支持这种操作", en: "This cannot be done at this address" },
  REQUEST_TIMEOUT: {
    "zh-CN": "网络太慢，请求超时，请重试",
    en: "The request took too long to arrive. Please try again",
  },
  PAYLOAD_TOO_LARGE: { "zh-CN": "提交的内容太大", en: "The request is too large" },
  UNSUPPORTED_MEDIA_TYPE: {
    "zh-CN": "不支持的内容格式",
    en: "The request is in a format that is not supported",
  },
  HEADERS_TOO_LARGE: { "zh-CN": "请求头太大", en: "The request has too many headers" },
} as const satisfies Record<GatewayReason, Record<Language, string>>;

/** The better of our languages for an Accept-Language (RFC 9110, section 12.5.4); else zh-CN. */
export function pickLanguage(acceptLanguage: string | undefined): Language {
  const weights = { zh: 0, en: 0, "*": 0 };
  for (const part of (acceptLanguage ?? "").slice(0, 512).split(",")) {
    const match = /^\s*(zh|en|\*)(?:-[a-z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?$/i.exec(
      part,
    );
    const tag = match?.[1]?.toLowerCase() as keyof typeof weights | undefined;
    // A hair less for each later one: of equals the first wins.
    if (tag) weights[tag] ||= Number(match?.[2] ?? 1) - (weights.zh || weights.en ? 1e-4 : 0);
  }
  return weights.en > Math.max(weights.zh, weights["*"] - 1e-4) ? "en" : "zh-CN";
}
