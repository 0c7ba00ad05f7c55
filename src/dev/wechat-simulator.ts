import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { SimulatorConfig } from "../config.ts";
import { formatAddress, listen } from "../listen.ts";
import { type Reply, serveControl } from "./wechat-control.ts";
import { answerCall, isWechatPath } from "./wechat-endpoints.ts";
import { createFaultSwitch, type FaultSwitch, type WechatPath } from "./wechat-faults.ts";
import type { OpenData } from "./wechat-open-data.ts";
import { type EncryptOptions, type PhoneNumber, WechatPlatform } from "./wechat-platform.ts";

/** Stands in for api.weixin.qq.com, at the wire. An absent appId is the first mini program's. */
export interface WechatSimulator extends AsyncDisposable {
  /** For WX_API_BASE_URL. */
  readonly url: string;
  /** How many jscode2session calls came in. */
  readonly calls: number;
  /** How many stable_token calls came in. */
  readonly tokenCalls: number;
  /** The address that media_check_async was last given. */
  readonly lastMedia: string | undefined;
  readonly faults: FaultSwitch;
  /** What `wx.login` gives a person: good for one call within 5 minutes. Ends their session_key. */
  issueCode(person: string, appId?: string): string;
  /** What the phone button gives: good for one call within 5 minutes. A number alone is Chinese. */
  issuePhoneCode(phone: string | PhoneNumber, appId?: string): string;
  /** A person's one valid session_key. */
  sessionKeyOf(person: string, appId?: string): string;
  /** Ends the access token, as another's force_refresh would. */
  revokeToken(appId?: string): void;
  /** What `wx.getUserInfo` and the like give a person: data and watermark, encrypted. */
  encrypt(person: string, data: Record<string, unknown>, options?: EncryptOptions): OpenData;
  close(): Promise<void>;
}

export interface SimulatorOptions {
  /** Milliseconds, as `Date.now`. */
  now?: () => number;
}

/**
 * Starts it. Besides WeChat's own addresses it serves `GET /simulator/code?person=…[&appid=…]`,
 * `GET /simulator/phone-code?phone=…[&country=…][&appid=…]`,
 * `GET /simulator/encrypted?person=…[&appid=…]`, and `POST` and `DELETE /simulator/faults`.
 */
export async function startWechatSimulator(
  config: SimulatorConfig,
  { now = Date.now }: SimulatorOptions = {},
): Promise<WechatSimulator> {
  const platform = new WechatPlatform(config.miniApps, now);
  const faults = createFaultSwitch();
  const closing = new AbortController();
  const calls = new Map<WechatPath, number>();
  const callsTo = (path: WechatPath) => calls.get(path) ?? 0;

  const serveWechat = async (
    path: WechatPath,
    request: IncomingMessage,
    query: URLSearchParams,
    to: Reply,
  ) => {
    calls.set(path, callsTo(path) + 1);
    const fault = faults.take(path);
    if (fault.latencyMs) await sleep(fault.latencyMs, undefined, { signal: closing.signal });
    if (fault.cut === "before") return request.socket.destroy();
    const answer = await answerCall(path, request, query, fault, platform);
    if (fault.cut === "after") return request.socket.destroy();
    const { status, body, contentType } = fault.reply ?? { status: 200, ...answer };
    to(status, body, contentType);
  };

  const serve = async (request: IncomingMessage, to: Reply) => {
    const url = new URL(`http://simulator${request.url}`);
    if (!isWechatPath(url.pathname)) return serveControl(request, url, platform, faults, to);
    await serveWechat(url.pathname, request, url.searchParams, to);
  };

  const server = createServer((request, response) => {
    // A request that cannot be served, or is held back while we close, ends as a cut connection.
    serve(request, replyTo(response)).catch(() => response.destroy());
  });
  const address = await listen(server, config.listen);
  const close = async () => {
    closing.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return {
    url: `http://${formatAddress(address)}`,
    get calls() {
      return callsTo("/sns/jscode2session");
    },
    get tokenCalls() {
      return callsTo("/cgi-bin/stable_token");
    },
    get lastMedia() {
      return platform.lastMedia;
    },
    faults,
    issueCode: (person, appId) => platform.issueCode(person, appId),
    issuePhoneCode: (phone, appId) => platform.issuePhoneCode(phone, appId),
    sessionKeyOf: (person, appId) => platform.sessionKeyOf(person, appId),
    revokeToken: (appId) => platform.revokeToken(appId),
    encrypt: (person, data, options) => platform.encrypt(person, data, options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function replyTo(response: ServerResponse): Reply {
  return (status, body, contentType = "text/plain") => {
    response.writeHead(status, { "content-type": contentType }).end(body);
  };
}
