import type { MiniAppConfig } from "../config.ts";
import { Codes } from "./wechat-codes.ts";
import { encryptOpenData, type OpenData } from "./wechat-open-data.ts";
import { toOpenid } from "./wechat-people.ts";
import { Quota } from "./wechat-quota.ts";
import { SessionKeys } from "./wechat-session-keys.ts";
import { AccessTokens } from "./wechat-tokens.ts";

export interface PhoneNumber {
  /** Without the country code. */
  purePhoneNumber: string;
  countryCode: number;
}

export interface EncryptOptions {
  /** The first mini program where absent. */
  appId?: string;
  /** Of the watermark, in seconds; now where absent. */
  timestamp?: number;
  /** The person's present one where absent. */
  sessionKey?: string;
}

/** What WeChat knows: its mini programs, and what it has given out to whom. */
export class WechatPlatform {
  readonly loginCodes: Codes<string>;
  readonly phoneCodes: Codes<PhoneNumber>;
  readonly sessionKeys = new SessionKeys();
  readonly tokens: AccessTokens;
  /** How often one person's session_key may be reset. */
  readonly resets: Quota;
  readonly now: () => number;
  /** The image or sound that was handed in last. */
  lastMedia: string | undefined;
  readonly #miniApps: readonly MiniAppConfig[];

  constructor(miniApps: readonly MiniAppConfig[], now: () => number) {
    this.#miniApps = miniApps;
    this.now = now;
    this.loginCodes = new Codes(now);
    this.phoneCodes = new Codes(now);
    this.tokens = new AccessTokens(now);
    this.resets = new Quota(5, 60_000, now);
  }

  /** The caller of WeChat, or the errcode that refuses it. */
  authenticate(appId: string, secret: string): MiniAppConfig | 40013 | 40125 {
    const app = this.#miniApps.find((one) => one.appId === appId);
    if (!app) return 40013;
    // The newest only: WeChat forgets the old one when a secret is replaced.
    return app.secrets.at(-1) === secret ? app : 40125;
  }

  /** As `wx.login` does; it ends the session_key the person had. */
  issueCode(person: string, appId?: string): string {
    const known = this.#toAppId(appId);
    this.sessionKeys.replace(known, toOpenid(known, person));
    return this.loginCodes.issue(known, person);
  }

  /** As the phone button does; a number alone is one of China. */
  issuePhoneCode(phone: string | PhoneNumber, appId?: string): string {
    const number = typeof phone === "string" ? { purePhoneNumber: phone, countryCode: 86 } : phone;
    return this.phoneCodes.issue(this.#toAppId(appId), number);
  }

  sessionKeyOf(person: string, appId?: string): string {
    const known = this.#toAppId(appId);
    return this.sessionKeys.of(known, toOpenid(known, person));
  }

  revokeToken(appId?: string): void {
    this.tokens.revoke(this.#toAppId(appId));
  }

  encrypt(person: string, data: Record<string, unknown>, options: EncryptOptions = {}): OpenData {
    const appid = this.#toAppId(options.appId);
    const timestamp = options.timestamp ?? Math.floor(this.now() / 1000);
    const sessionKey = options.sessionKey ?? this.sessionKeyOf(person, appid);
    return encryptOpenData(data, { timestamp, appid }, sessionKey);
  }

  /** What `wx.getUserInfo` gives a person, encrypted. */
  encryptProfile(person: string, appId?: string): OpenData {
    const profile = {
      openId: toOpenid(this.#toAppId(appId), person),
      nickName: person,
      gender: 0,
      language: "zh_CN",
      city: "",
      province: "",
      country: "",
      avatarUrl: "https://thirdwx.qlogo.cn/mmopen/vi_32/simulated/132",
    };
    return this.encrypt(person, profile, appId === undefined ? {} : { appId });
  }

  /** @throws {RangeError} where there is no such mini program. */
  #toAppId(appId = this.#miniApps[0]?.appId): string {
    const app = this.#miniApps.find((one) => one.appId === appId);
    if (!app) throw new RangeError("no such appid");
    return app.appId;
  }
}
