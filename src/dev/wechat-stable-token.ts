import { z } from "zod";
import type { MiniAppConfig } from "../config.ts";
import type { WechatCall } from "./wechat-endpoints.ts";
import { toError, type WechatError } from "./wechat-errors.ts";
import type { WechatPlatform } from "./wechat-platform.ts";

const BodySchema = z.object({
  grant_type: z.string().default(""),
  appid: z.string().default(""),
  secret: z.string().default(""),
  force_refresh: z.boolean().default(false),
});
type Body = z.infer<typeof BodySchema>;

/** stable_token's answer: errcode is absent where all went well, expires_in is in seconds. */
type TokenAnswer = { access_token: string; expires_in: number } | WechatError;

/** Answers stable_token; a call that is refused for its content is not counted for the quotas. */
export function answerStableToken(
  { body, faults }: WechatCall,
  platform: WechatPlatform,
): TokenAnswer {
  const parsed = BodySchema.safeParse(body);
  if (!parsed.success) return toError(47001);
  const app = checkCaller(parsed.data, platform);
  if (typeof app === "number") return toError(app);
  if (faults.errcode) return toError(faults.errcode);
  if (!platform.tokens.takeCall(app.appId)) return toError(45011);
  return platform.tokens.issue(app.appId, parsed.data.force_refresh);
}

function checkCaller(body: Body, platform: WechatPlatform): MiniAppConfig | number {
  if (!body.appid) return 41002;
  if (!body.secret) return 41004;
  if (body.grant_type !== "client_credential") return 40002;
  return platform.authenticate(body.appid, body.secret);
}
