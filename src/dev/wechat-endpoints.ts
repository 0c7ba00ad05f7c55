import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { answerCheckSession, answerResetSessionKey } from "./wechat-check-session.ts";
import { answerMediaCheck, answerTextCheck } from "./wechat-content.ts";
import { toError } from "./wechat-errors.ts";
import type { Faults, WechatPath } from "./wechat-faults.ts";
import { answerLogin } from "./wechat-login.ts";
import { answerPhoneNumber } from "./wechat-phone.ts";
import type { WechatPlatform } from "./wechat-platform.ts";
import { answerStableToken } from "./wechat-stable-token.ts";

/** What an endpoint answers to. */
export interface WechatCall {
  query: URLSearchParams;
  /** The JSON of a POST; undefined where there is none. */
  body: unknown;
  faults: Faults;
}

interface Endpoint {
  method: "GET" | "POST";
  /** The errcode for any other method. */
  wrongMethod: number;
  contentType: string;
  answer(call: WechatCall, platform: WechatPlatform): object;
}

const JSON_TYPE = "application/json; charset=UTF-8";
const GET = { method: "GET", wrongMethod: 43001, contentType: JSON_TYPE } as const;
const POST = { method: "POST", wrongMethod: 43002, contentType: JSON_TYPE } as const;

const ENDPOINTS: Record<WechatPath, Endpoint> = {
  // Its JSON comes as text, and its parameters are not looked for in a body.
  "/sns/jscode2session": {
    ...GET,
    wrongMethod: 41002,
    contentType: "text/plain",
    answer: answerLogin,
  },
  "/cgi-bin/stable_token": { ...POST, answer: answerStableToken },
  "/wxa/business/getuserphonenumber": { ...POST, answer: answerPhoneNumber },
  "/wxa/checksession": { ...GET, answer: answerCheckSession },
  "/wxa/resetusersessionkey": { ...GET, answer: answerResetSessionKey },
  "/wxa/msg_sec_check": { ...POST, answer: answerTextCheck },
  "/wxa/media_check_async": { ...POST, answer: answerMediaCheck },
};

export function isWechatPath(path: string): path is WechatPath {
  return Object.hasOwn(ENDPOINTS, path);
}

/** Answers one call as WeChat would, faults of the wire apart. */
export async function answerCall(
  path: WechatPath,
  request: IncomingMessage,
  query: URLSearchParams,
  faults: Faults,
  platform: WechatPlatform,
): Promise<{ body: string; contentType: string }> {
  const { method, wrongMethod, contentType, answer } = ENDPOINTS[path];
  if (request.method !== method) return { body: JSON.stringify(toError(wrongMethod)), contentType };
  const body = method === "POST" ? parseJson(await text(request)) : undefined;
  return { body: JSON.stringify(answer({ query, body, faults }, platform)), contentType };
}

/** Undefined where it is none. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
