import { randomBytes } from "node:crypto";

/** What WeChat says where a call fails; HTTP says 200 all the same. */
export interface WechatError {
  errcode: number;
  errmsg: string;
}

const MESSAGES: Record<number, string> = {
  [-1]: "system error",
  40001:
    "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken",
  40002: "invalid grant_type",
  40003: "invalid openid",
  40013: "invalid appid",
  40014: "invalid access_token",
  40029: "invalid code",
  40125: "invalid appsecret",
  40163: "code been used",
  40164: "invalid ip 127.0.0.1 ipv6 ::ffff:127.0.0.1, not in whitelist",
  40226: "code blocked",
  40243: "appsecret frozen",
  41001: "access_token missing",
  41002: "appid missing",
  41004: "appsecret missing",
  41008: "missing code",
  42001: "access_token expired",
  43001: "require GET method",
  43002: "require POST method",
  45011: "api minute-quota reach limit",
  47001: "data format error",
  61010: "code is expired",
  50002: "user limited",
  87007: "session_key is expired",
  87008: "invalid sig_method",
  87009: "invalid signature",
};

/** An error as WeChat words it; the rid is what its support asks for. */
export function toError(errcode: number): WechatError {
  const rid = Array.from({ length: 3 }, () => randomBytes(4).toString("hex")).join("-");
  return { errcode, errmsg: `${MESSAGES[errcode] ?? "error"}, rid: ${rid}` };
}
