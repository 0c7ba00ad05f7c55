import { randomBytes } from "node:crypto";
import type { MiniAppConfig } from "../config.ts";
import { createSessionKey, type LoginCodes, toOpenid, toUnionid } from "./wechat-codes.ts";
import type { Faults } from "./wechat-faults.ts";

/** What jscode2session says: errcode is absent where all went well. */
export type WechatAnswer =
  | { session_key: string; openid: string; unionid?: string }
  | { errcode: number; errmsg: string };

const MESSAGES: Record<number, string> = {
  [-1]: "system error",
  40002: "invalid grant_type",
  40013: "invalid appid",
  40029: "invalid code",
  40125: "invalid appsecret",
  40163: "code been used",
  40226: "code blocked",
  40243: "appsecret frozen",
  41002: "appid missing",
  41004: "appsecret missing",
  41008: "missing code",
  45011: "api minute-quota reach limit",
  50002: "user limited",
};

/** Answers a call and, where it succeeds, uses up its code. */
export function answerCode2Session(
  query: URLSearchParams,
  miniApps: readonly MiniAppConfig[],
  codes: LoginCodes,
  faults: Faults,
): WechatAnswer {
  const app = checkCaller(query, miniApps);
  if (typeof app === "number") return toError(app);
  const code = codes.find(query.get("js_code") ?? "", app.appId);
  if (typeof code === "number") return toError(code);
  if (faults.errcode) return toError(faults.errcode);
  code.used = true;
  return {
    session_key: createSessionKey(),
    openid: toOpenid(app.appId, code.person),
    ...(faults.unionid ? { unionid: toUnionid(app.unionScope, code.person) } : {}),
  };
}

/** An error as WeChat words it; the rid is what its support asks for. */
export function toError(errcode: number): WechatAnswer {
  const rid = Array.from({ length: 3 }, () => randomBytes(4).toString("hex")).join("-");
  return { errcode, errmsg: `${MESSAGES[errcode] ?? "error"}, rid: ${rid}` };
}

function checkCaller(
  query: URLSearchParams,
  miniApps: readonly MiniAppConfig[],
): MiniAppConfig | number {
  if (!query.get("appid")) return 41002;
  if (!query.get("secret")) return 41004;
  if (!query.get("js_code")) return 41008;
  if (query.get("grant_type") !== "authorization_code") return 40002;
  const app = miniApps.find(({ appId }) => appId === query.get("appid"));
  if (!app) return 40013;
  return app.secret === query.get("secret") ? app : 40125;
}
