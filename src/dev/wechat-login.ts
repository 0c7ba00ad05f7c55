import type { MiniAppConfig } from "../config.ts";
import type { WechatCall } from "./wechat-endpoints.ts";
import { toError, type WechatError } from "./wechat-errors.ts";
import { toOpenid, toUnionid } from "./wechat-people.ts";
import type { WechatPlatform } from "./wechat-platform.ts";

/** jscode2session's answer: errcode is absent where all went well. */
type LoginAnswer = { session_key: string; openid: string; unionid?: string } | WechatError;

/** Answers jscode2session and, where it succeeds, uses up its code. */
export function answerLogin({ query, faults }: WechatCall, platform: WechatPlatform): LoginAnswer {
  const app = checkCaller(query, platform);
  if (typeof app === "number") return toError(app);
  const code = platform.loginCodes.find(query.get("js_code") ?? "");
  if (code?.appId !== app.appId) return toError(40029);
  if (code.used) return toError(40163);
  if (faults.errcode) return toError(faults.errcode);
  code.used = true;
  const openid = toOpenid(app.appId, code.subject);
  return {
    session_key: platform.sessionKeys.of(app.appId, openid),
    openid,
    ...(faults.unionid ? { unionid: toUnionid(app.unionScope, code.subject) } : {}),
  };
}

function checkCaller(query: URLSearchParams, platform: WechatPlatform): MiniAppConfig | number {
  const [appId, secret] = [query.get("appid"), query.get("secret")];
  if (!appId) return 41002;
  if (!secret) return 41004;
  if (!query.get("js_code")) return 41008;
  if (query.get("grant_type") !== "authorization_code") return 40002;
  return platform.authenticate(appId, secret);
}
