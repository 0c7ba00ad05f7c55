import type { WechatCredentials } from "./wechat.ts";
import { badResponse, errcodeOf } from "./wechat-errors.ts";
import type { WechatHttp, WechatReply } from "./wechat-http.ts";
import type { WithToken } from "./wechat-server-api.ts";

/** What WeChat makes of a text; `review` is what it leaves to people. */
export type Verdict = "pass" | "review" | "risky";

/** Somebody of a mini program, who was there within the last two hours: else WeChat says nothing (61010). */
export interface Author {
  app: WechatCredentials;
  openid: string;
}

/** WeChat's own check of what people write and show. */
export interface WechatContent {
  /** https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/sec-center/sec-check/msgSecCheck.html */
  checkText(author: Author, content: string, signal: AbortSignal): Promise<Verdict>;
  /**
   * Has an image looked at. The answer is only a trace_id; within 30 minutes the verdict comes under it as the
   * event `wxa_media_check`, to the address for message pushes that is set at WeChat.
   * https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/sec-center/sec-check/mediaCheckAsync.html
   */
  submitImage(author: Author, url: string, signal: AbortSignal): Promise<string>;
}

/** Of the profile, by the second version of both. */
const PROFILE = { version: 2, scene: 1 };
const IMAGE = 2;

/** How the first version says what `risky` is in the second. */
const RISKY_CONTENT = 87014;

export function createWechatContent(http: WechatHttp, withToken: WithToken): WechatContent {
  const post = (path: string, { app, openid }: Author, more: object, signal: AbortSignal) => {
    const body = { ...PROFILE, openid, ...more };
    const ask = (access_token: string) =>
      http.post(path, { query: { access_token }, body }, signal);
    return withToken(app, ask, signal);
  };
  return {
    checkText: async (author, content, signal) => {
      try {
        return readVerdict(await post("/wxa/msg_sec_check", author, { content }, signal));
      } catch (error) {
        if (errcodeOf(error) === RISKY_CONTENT) return "risky";
        throw error;
      }
    },
    submitImage: async (author, url, signal) => {
      const image = { media_url: url, media_type: IMAGE };
      const { trace_id } = await post("/wxa/media_check_async", author, image, signal);
      if (typeof trace_id !== "string" || !/^[\w-]{1,128}$/.test(trace_id)) {
        throw badResponse("no trace_id");
      }
      return trace_id;
    },
  };
}

function readVerdict({ result }: WechatReply): Verdict {
  const { suggest } = (result ?? {}) as Record<string, unknown>;
  if (suggest === "pass" || suggest === "review" || suggest === "risky") return suggest;
  throw badResponse("no verdict on a text");
}
