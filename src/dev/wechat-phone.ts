import { z } from "zod";
import type { WechatCall } from "./wechat-endpoints.ts";
import { toError } from "./wechat-errors.ts";
import type { PhoneNumber, WechatPlatform } from "./wechat-platform.ts";

const BodySchema = z.object({ code: z.string().default("") });

/** Answers getuserphonenumber and, where it succeeds, uses up its code. */
export function answerPhoneNumber(
  { query, body, faults }: WechatCall,
  platform: WechatPlatform,
): object {
  const appid = platform.tokens.find(query.get("access_token"));
  if (typeof appid === "number") return toError(appid);
  const parsed = BodySchema.safeParse(body);
  if (!parsed.success) return toError(47001);
  const code = platform.phoneCodes.find(parsed.data.code);
  if (!code || code.used) return toError(40029);
  if (code.appId !== appid) return toError(40013);
  if (faults.errcode) return toError(faults.errcode);
  code.used = true;
  const { purePhoneNumber, countryCode } = code.subject;
  return {
    errcode: 0,
    errmsg: "ok",
    phone_info: {
      phoneNumber: toPhoneNumber(code.subject),
      purePhoneNumber,
      countryCode: faults.countryCodeAsText ? String(countryCode) : countryCode,
      watermark: { timestamp: Math.floor(platform.now() / 1000), appid },
    },
  };
}

/** WeChat puts the country code before a number from abroad only. */
function toPhoneNumber({ purePhoneNumber, countryCode }: PhoneNumber): string {
  return countryCode === 86 ? purePhoneNumber : `${countryCode}${purePhoneNumber}`;
}
