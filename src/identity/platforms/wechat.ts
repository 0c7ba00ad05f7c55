import { Pool } from "undici";
import type { WechatConfig } from "../../config.ts";
import { IdentityError } from "../errors.ts";
import { type LoginCode, type Openid, parseOpenid, parseUnionid, type Unionid } from "../ids.ts";
import { ERRCODES, WechatError } from "./wechat-errors.ts";
import { createWithSecret } from "./wechat-secrets.ts";

/** What jscode2session tells about the person behind a code. */
export interface WechatSession {
  openid: Openid;
  unionid: Unionid | undefined;
  /** base64 of 16 bytes. Never leaves this service. */
  sessionKey: string;
}

export interface WechatCredentials {
  appId: string;
  /** See {@link createWithSecret}. */
  secrets: readonly string[];
}

export interface Wechat {
  /**
   * Exchanges a login code. Asked once only: a code is single-use, so a second try of a call that
   * was cut would answer 40163.
   * https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_code2session
   */
  codeToSession(
    app: WechatCredentials,
    code: LoginCode,
    signal: AbortSignal,
  ): Promise<WechatSession>;
  close(): Promise<void>;
}

export function createWechat(config: WechatConfig): Wechat {
  const pool = new Pool(config.baseUrl, {
    connections: config.connections,
    connectTimeout: config.timeoutMs,
    headersTimeout: config.timeoutMs,
    bodyTimeout: config.timeoutMs,
    maxResponseSize: config.maxResponseBytes,
    keepAliveTimeout: 10_000,
  });
  const withSecret = createWithSecret();
  return {
    codeToSession: (app, code, signal) =>
      withSecret(app, async (secret) => {
        const query = new URLSearchParams({
          appid: app.appId,
          secret,
          js_code: code,
          grant_type: "authorization_code",
        });
        return readSession(await get(pool, `/sns/jscode2session?${query}`, config, signal));
      }),
    close: () => pool.destroy(),
  };
}

async function get(
  pool: Pool,
  path: string,
  { timeoutMs, maxResponseBytes }: WechatConfig,
  signal: AbortSignal,
): Promise<string> {
  try {
    const { statusCode, body } = await pool.request({
      method: "GET",
      path,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await body.text();
    if (statusCode >= 500) throw busy(new Error(`HTTP ${statusCode}`));
    if (statusCode !== 200) throw badResponse(`HTTP ${statusCode}`);
    return text;
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    signal.throwIfAborted();
    const code = (error as { code?: unknown }).code;
    if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") {
      throw badResponse(`the reply is over ${maxResponseBytes} bytes`);
    }
    if (typeof code === "string" && code.startsWith("HPE_")) throw badResponse("not HTTP");
    throw busy(error);
  }
}

/** Strict: on success errcode may be absent or 0, so a good openid is what counts. */
function readSession(text: string): WechatSession {
  const reply = parseObject(text);
  if (!reply) throw badResponse("the reply is no JSON object");
  const { errcode } = reply;
  if (errcode !== undefined && errcode !== 0) throw ofErrcode(errcode, reply.errmsg);
  const openid = parseOpenid(reply.openid);
  if (!openid) throw badResponse("no openid");
  const sessionKey = reply.session_key;
  if (typeof sessionKey !== "string" || !/^[A-Za-z0-9+/]{22}==$/.test(sessionKey)) {
    throw badResponse("no session_key of 16 bytes");
  }
  const unionid = reply.unionid ? parseUnionid(reply.unionid) : undefined;
  if (reply.unionid && !unionid) throw badResponse("no unionid");
  return { openid, unionid, sessionKey };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function ofErrcode(errcode: unknown, errmsg: unknown): IdentityError {
  const meaning = ERRCODES.get(Number(errcode));
  // WeChat's support asks for the rid; the rest of errmsg may hold our address or worse.
  const rid = /rid: ([0-9a-f-]{8,40})/.exec(String(errmsg))?.[1];
  const cause = new WechatError(Number(errcode), rid);
  if (!meaning) return badResponse("an unknown errcode", cause);
  const { reason, message, retryAfterMs } = meaning;
  return new IdentityError(reason, message, { cause, ...(retryAfterMs ? { retryAfterMs } : {}) });
}

function busy(cause: unknown): IdentityError {
  const message = "WeChat does not answer";
  return new IdentityError("UPSTREAM_BUSY", message, { retryAfterMs: 1_000, cause });
}

function badResponse(what: string, cause: Error = new Error(what)): IdentityError {
  const message = "WeChat's reply makes no sense";
  return new IdentityError("UPSTREAM_BAD_RESPONSE", message, { cause });
}
