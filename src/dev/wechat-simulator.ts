import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { SimulatorConfig } from "../config.ts";
import { formatAddress, listen } from "../listen.ts";
import { answerCode2Session, toError } from "./wechat-answers.ts";
import { LoginCodes } from "./wechat-codes.ts";
import { createFaultSwitch, type FaultSwitch, FaultsSchema } from "./wechat-faults.ts";

/** Stands in for api.weixin.qq.com, at the wire. */
export interface WechatSimulator extends AsyncDisposable {
  /** For WX_API_BASE_URL. */
  readonly url: string;
  /** How many jscode2session calls came in. */
  readonly calls: number;
  readonly faults: FaultSwitch;
  /** What `wx.login` gives a person: good for one call within 5 minutes. */
  issueCode(person: string, appId?: string): string;
  close(): Promise<void>;
}

export interface SimulatorOptions {
  /** Milliseconds, as `Date.now`. */
  now?: () => number;
}

/**
 * Starts it. Besides WeChat's own address it serves `GET /simulator/code?person=…[&appid=…]`, and
 * `POST` and `DELETE /simulator/faults`.
 */
export async function startWechatSimulator(
  config: SimulatorConfig,
  { now = Date.now }: SimulatorOptions = {},
): Promise<WechatSimulator> {
  const codes = new LoginCodes(now);
  const faults = createFaultSwitch();
  const closing = new AbortController();
  let calls = 0;

  const issueCode = (person: string, appId = config.miniApps[0]?.appId): string => {
    const app = config.miniApps.find((one) => one.appId === appId);
    if (!app) throw new RangeError("no such appid");
    return codes.issue(app.appId, person);
  };

  const code2Session = async (request: IncomingMessage, query: URLSearchParams, to: Reply) => {
    calls++;
    const fault = faults.take();
    if (fault.latencyMs) await sleep(fault.latencyMs, undefined, { signal: closing.signal });
    if (fault.cut === "before") return request.socket.destroy();
    const answer =
      request.method === "GET"
        ? answerCode2Session(query, config.miniApps, codes, fault)
        : toError(41002);
    if (fault.cut === "after") return request.socket.destroy();
    if (fault.reply) return to(fault.reply.status, fault.reply.body, fault.reply.contentType);
    to(200, JSON.stringify(answer));
  };

  const serve = async (request: IncomingMessage, to: Reply) => {
    const { pathname, searchParams } = new URL(`http://simulator${request.url}`);
    switch (pathname === "/sns/jscode2session" ? pathname : `${request.method} ${pathname}`) {
      case "/sns/jscode2session":
        return code2Session(request, searchParams, to);
      case "GET /simulator/code": {
        const person = searchParams.get("person");
        if (!person || person.length > 128) return to(400, "person is missing or too long");
        const appId = searchParams.get("appid") ?? config.miniApps[0]?.appId;
        if (!config.miniApps.some((app) => app.appId === appId)) return to(400, "no such appid");
        return to(200, issueCode(person, appId));
      }
      case "POST /simulator/faults": {
        const parsed = FaultsSchema.safeParse(parseJson(await text(request)));
        if (!parsed.success) return to(400, parsed.error.message);
        faults.set(parsed.data);
        return to(204, "");
      }
      case "DELETE /simulator/faults":
        faults.clear();
        return to(204, "");
      default:
        return to(404, "not found");
    }
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
      return calls;
    },
    faults,
    issueCode,
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Reply = (status: number, body: string, contentType?: string) => void;

function replyTo(response: ServerResponse): Reply {
  // WeChat sends its JSON as text/plain too.
  return (status, body, contentType = "text/plain") => {
    response.writeHead(status, { "content-type": contentType }).end(body);
  };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
