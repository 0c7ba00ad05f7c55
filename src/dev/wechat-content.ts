import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { WechatCall } from "./wechat-endpoints.ts";
import { toError } from "./wechat-errors.ts";
import type { WechatPlatform } from "./wechat-platform.ts";

const common = { version: z.literal(2), scene: z.int().min(1).max(4), openid: z.string() };
const TextSchema = z.object({ ...common, content: z.string().min(1).max(2_500) });
const MediaSchema = z.object({ ...common, media_url: z.url(), media_type: z.literal([1, 2]) });

/** Answers msg_sec_check: a text with 违规 is risky, one with 可疑 is for people to look at. */
export function answerTextCheck(call: WechatCall, platform: WechatPlatform): object {
  const body = read(TextSchema, call, platform);
  if (typeof body === "number") return toError(body);
  const suggest = /违规/.test(body.content)
    ? "risky"
    : /可疑/.test(body.content)
      ? "review"
      : "pass";
  const label = suggest === "pass" ? 100 : 20001;
  const result = { suggest, label };
  return { ...toAnswer(), result, detail: [{ strategy: "content_model", errcode: 0, ...result }] };
}

/** Answers media_check_async. What WeChat pushes afterwards has nobody here to go to. */
export function answerMediaCheck(call: WechatCall, platform: WechatPlatform): object {
  const body = read(MediaSchema, call, platform);
  if (typeof body === "number") return toError(body);
  platform.lastMedia = body.media_url;
  return toAnswer();
}

function read<Body extends { openid: string }>(
  schema: z.ZodType<Body>,
  { query, body, faults }: WechatCall,
  platform: WechatPlatform,
): Body | number {
  const appId = platform.tokens.find(query.get("access_token"));
  if (typeof appId === "number") return appId;
  const parsed = schema.safeParse(body);
  if (!parsed.success) return 47001;
  // Whoever has logged in has been there.
  if (!platform.sessionKeys.find(appId, parsed.data.openid)) return 61010;
  return faults.errcode || parsed.data;
}

function toAnswer() {
  return { errcode: 0, errmsg: "ok", trace_id: randomBytes(12).toString("hex") };
}
