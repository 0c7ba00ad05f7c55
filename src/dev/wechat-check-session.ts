import type { WechatCall } from "./wechat-endpoints.ts";
import { toError } from "./wechat-errors.ts";
import type { WechatPlatform } from "./wechat-platform.ts";
import { signEmpty } from "./wechat-session-keys.ts";

interface Checked {
  appId: string;
  openid: string;
}

/** Answers checksession: is this the person's one valid session_key? */
export function answerCheckSession(call: WechatCall, platform: WechatPlatform): object {
  const checked = check(call, platform);
  return typeof checked === "number" ? toError(checked) : { errcode: 0, errmsg: "ok" };
}

/** Answers resetusersessionkey: who has the valid session_key gets another for it. */
export function answerResetSessionKey(call: WechatCall, platform: WechatPlatform): object {
  const checked = check(call, platform);
  if (typeof checked === "number") return toError(checked);
  const { appId, openid } = checked;
  if (!platform.resets.take(`${appId} ${openid}`)) return toError(45011);
  const session_key = platform.sessionKeys.replace(appId, openid);
  return { errcode: 0, errmsg: "ok", openid, session_key };
}

function check({ query, faults }: WechatCall, platform: WechatPlatform): Checked | number {
  const appId = platform.tokens.find(query.get("access_token"));
  if (typeof appId === "number") return appId;
  const openid = query.get("openid");
  if (!openid) return 40003;
  if (query.get("sig_method") !== "hmac_sha256") return 87008;
  const sessionKey = platform.sessionKeys.find(appId, openid);
  if (!sessionKey || query.get("signature") !== signEmpty(sessionKey)) return 87009;
  return faults.errcode || { appId, openid };
}
