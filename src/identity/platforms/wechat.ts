import { type LoginCode, type Openid, parseOpenid, parseUnionid, type Unionid } from "../ids.ts";
import { badResponse } from "./wechat-errors.ts";
import type { WechatHttp, WechatReply } from "./wechat-http.ts";
import type { QuotaOwner, WithinQuota } from "./wechat-quota.ts";
import type { WithSecret } from "./wechat-secrets.ts";

/** What jscode2session tells about the person behind a code. */
export interface WechatSession {
  openid: Openid;
  unionid: Unionid | undefined;
  /** base64 of 16 bytes. Never leaves this service. */
  sessionKey: string;
}

export interface WechatCredentials {
  appId: string;
  /** See {@link WithSecret}. */
  secrets: readonly string[];
}

/** What needs no access token: a login never waits for one. */
export interface Wechat {
  /**
   * Exchanges a login code. Asked once only: a code is single-use, so a second try of a call that
   * was cut would answer 40163.
   * https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session
   */
  codeToSession(
    app: WechatCredentials & QuotaOwner,
    code: LoginCode,
    signal: AbortSignal,
  ): Promise<WechatSession>;
}

export function createWechat(
  http: WechatHttp,
  withSecret: WithSecret,
  withinQuota: WithinQuota,
): Wechat {
  return {
    codeToSession: (app, code, signal) =>
      withinQuota(app, () =>
        withSecret(app, async (secret) => {
          const grant = { js_code: code, grant_type: "authorization_code" };
          const query = { appid: app.appId, secret, ...grant };
          return readSession(await http.get("/sns/jscode2session", query, signal));
        }),
      ),
  };
}

function readSession(reply: WechatReply): WechatSession {
  const openid = parseOpenid(reply.openid);
  if (!openid) throw badResponse("no openid");
  const unionid = reply.unionid ? parseUnionid(reply.unionid) : undefined;
  if (reply.unionid && !unionid) throw badResponse("no unionid");
  return { openid, unionid, sessionKey: readSessionKey(reply) };
}

/** base64 of 16 bytes. */
export function readSessionKey({ session_key: sessionKey }: WechatReply): string {
  if (typeof sessionKey === "string" && /^[A-Za-z0-9+/]{22}==$/.test(sessionKey)) {
    return sessionKey;
  }
  throw badResponse("no session_key of 16 bytes");
}
