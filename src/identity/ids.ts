declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A person's id: positive and below 2^53, so that a JSON number holds it. */
export type UserId = Branded<number, "UserId">;
/** A mini program's id at its platform (WeChat: `wx` and 16 hex digits). */
export type AppId = Branded<string, "AppId">;
/** A person's id inside one mini program. Unique only together with the app id. */
export type Openid = Branded<string, "Openid">;
/** A person's id over all apps of one WeChat Open Platform account. */
export type Unionid = Branded<string, "Unionid">;
/** The single-use code of wx.login. */
export type LoginCode = Branded<string, "LoginCode">;

/** The user id in `value`, or undefined when it is none. */
export function parseUserId(value: unknown): UserId | undefined {
  const id = typeof value === "bigint" || typeof value === "string" ? Number(value) : value;
  return Number.isSafeInteger(id) && (id as number) > 0 ? (id as UserId) : undefined;
}

export function parseLoginCode(value: string): LoginCode | undefined {
  return /^[A-Za-z0-9_-]{1,128}$/.test(value) ? (value as LoginCode) : undefined;
}

/** Openids and unionids have one shape. */
export function parseOpenid(value: unknown): Openid | undefined {
  return isWechatId(value) ? (value as Openid) : undefined;
}

export function parseUnionid(value: unknown): Unionid | undefined {
  return isWechatId(value) ? (value as Unionid) : undefined;
}

/** Whether it can name a login session: a UUID (RFC 9562). */
export function isLoginSessionId(value: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value);
}

function isWechatId(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_-]{6,64}$/.test(value);
}
