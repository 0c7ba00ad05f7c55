import { IdentityError } from "../errors.ts";
import type { Openid } from "../ids.ts";
import { sessionKeySignature } from "../open-data.ts";
import type { PhoneNumber } from "../phones.ts";
import { readSessionKey, type WechatCredentials } from "./wechat.ts";
import { badResponse, errcodeOf } from "./wechat-errors.ts";
import type { WechatHttp, WechatReply } from "./wechat-http.ts";
import type { WithSecret } from "./wechat-secrets.ts";
import type { WechatTokens } from "./wechat-token.ts";

/** WeChat does not take the access token: it was replaced (40001, 40014) or has ended (42001). */
const TOKEN_REFUSED = new Set([40001, 40014, 42001]);
const KEY_REFUSED = new Set([87007, 87009]);
const CODE_REFUSED = 40029;

const PHONE_PATH = "/wxa/business/getuserphonenumber";

export interface SessionKeyProof {
  openid: Openid;
  sessionKey: string;
}

/** What WeChat answers to a mini program's own access token. */
export interface WechatServerApi {
  /**
   * Whether this is the person's one valid session_key.
   * https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_checksessionkey
   */
  checkSessionKey(
    app: WechatCredentials,
    proof: SessionKeyProof,
    signal: AbortSignal,
  ): Promise<boolean>;
  /**
   * Another session_key for the valid one; it ends when the old one would have.
   * https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_resetusersessionkey
   */
  resetSessionKey(
    app: WechatCredentials,
    proof: SessionKeyProof,
    signal: AbortSignal,
  ): Promise<string>;
  /**
   * The number behind the phone button's code, which is spent by it.
   * https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-info/phone-number/getPhoneNumber.html
   */
  phoneNumber(app: WechatCredentials, code: string, signal: AbortSignal): Promise<PhoneNumber>;
}

/** Calls with the mini program's token; once more with another when WeChat refuses the one that we had. */
export type WithToken = <T>(
  app: WechatCredentials,
  call: (token: string) => Promise<T>,
  signal: AbortSignal,
) => Promise<T>;

export function createWithToken(tokens: WechatTokens): WithToken {
  return async (app, call, signal) => {
    const token = await tokens.get(app, signal);
    try {
      return await call(token);
    } catch (error) {
      if (!TOKEN_REFUSED.has(errcodeOf(error) ?? 0)) throw error;
      return call(await tokens.renew(app, token, signal));
    }
  };
}

export function createWechatServerApi(http: WechatHttp, withToken: WithToken): WechatServerApi {
  const askWithProof = (
    path: string,
    app: WechatCredentials,
    { openid, sessionKey }: SessionKeyProof,
    signal: AbortSignal,
  ): Promise<WechatReply> => {
    const proof = { signature: sessionKeySignature(sessionKey), sig_method: "hmac_sha256" };
    const ask = (access_token: string) =>
      http.get(path, { access_token, openid, ...proof }, signal);
    return withToken(app, ask, signal);
  };
  return {
    checkSessionKey: (app, proof, signal) =>
      askWithProof("/wxa/checksession", app, proof, signal).then(
        () => true,
        (error) => {
          if (KEY_REFUSED.has(errcodeOf(error) ?? 0)) return false;
          throw error;
        },
      ),
    resetSessionKey: async (app, proof, signal) =>
      readSessionKey(await askWithProof("/wxa/resetusersessionkey", app, proof, signal)),
    phoneNumber: async (app, code, signal) => {
      const ask = (access_token: string) =>
        http.post(PHONE_PATH, { query: { access_token }, body: { code } }, signal);
      try {
        return readPhone(await withToken(app, ask, signal), app.appId);
      } catch (error) {
        // Here the errcode speaks of another kind of code than at a login.
        if (errcodeOf(error) !== CODE_REFUSED) throw error;
        const message = "WeChat does not know this code";
        throw new IdentityError("PHONE_CODE_INVALID", message, { field: "code", cause: error });
      }
    },
  };
}

/** The country code comes as a number or as text. */
function readPhone({ phone_info: info }: WechatReply, appId: string): PhoneNumber {
  const { countryCode, purePhoneNumber, watermark } = (info ?? {}) as Record<string, unknown>;
  const { appid } = (watermark ?? {}) as Record<string, unknown>;
  if (appid !== appId) throw badResponse("a phone number for another mini program");
  const phone = { countryCode: String(countryCode), number: String(purePhoneNumber) };
  if (!/^[1-9]\d{0,3}$/.test(phone.countryCode) || !/^\d{4,15}$/.test(phone.number)) {
    throw badResponse("no phone number");
  }
  return phone;
}

/** For {@link WechatTokens}: stable_token in normal mode, which hands everybody the same token. */
export function createFetchToken(http: WechatHttp, withSecret: WithSecret) {
  return (app: WechatCredentials, signal: AbortSignal) =>
    withSecret(app, async (secret) => {
      const body = { grant_type: "client_credential", appid: app.appId, secret };
      const reply = await http.post("/cgi-bin/stable_token", { body }, signal);
      const { access_token: token, expires_in: expiresInSeconds } = reply;
      if (typeof token !== "string" || token.length < 16 || token.length > 1_024) {
        throw badResponse("no access token");
      }
      if (typeof expiresInSeconds !== "number" || !(expiresInSeconds > 0)) {
        throw badResponse("no life of the access token");
      }
      return { token, expiresInSeconds };
    });
}
