import {
  BrokenCircuitError,
  CircuitState,
  CountBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  retry,
} from "cockatiel";
import { type Dispatcher, Pool } from "undici";
import type { WechatConfig } from "../../config.ts";
import { limitTime } from "../../time-limit.ts";
import { traced } from "../../tracing.ts";
import { IdentityError } from "../errors.ts";
import { badResponse, busy, errcodeOf, ofErrcode, SYSTEM_BUSY } from "./wechat-errors.ts";

/** WeChat is left alone when half of the last calls found it slow, broken or away. */
const CALLS_LOOKED_AT = 40;
const FAILURES_TO_BREAK = 0.5;

/** Then one call tries it. */
const BREAK_MS = 2_000;

/**
 * Calls to WeChat with every wait and size bounded. Only "system busy" is asked again, twice at most
 * and within the same time: anything else may have spent what was handed in.
 */
export interface WechatHttp {
  /** WeChat's reply; rejects with what its errcode means. The path holds secrets: never log it. */
  get(path: string, query: Record<string, string>, signal: AbortSignal): Promise<WechatReply>;
  post(
    path: string,
    { query, body }: { query?: Record<string, string>; body: object },
    signal: AbortSignal,
  ): Promise<WechatReply>;
  /** Whether it is being left alone. */
  isAway(): boolean;
  close(): Promise<void>;
}

/** On success errcode may be absent or 0, so what was asked for is what counts. */
export type WechatReply = Record<string, unknown>;

export interface WechatHttpOptions {
  /** Told of each call: the reason why it failed, or `OK`. */
  onCall?(path: string, reason: string, seconds: number): void;
  /** Told when WeChat begins and ends to be left alone. */
  onBroken?(isBroken: boolean): void;
}

export function createWechatHttp(
  config: WechatConfig,
  { onCall = () => {}, onBroken = () => {} }: WechatHttpOptions = {},
): WechatHttp {
  const { timeoutMs } = config;
  const again = retry(
    handleWhen((error) => errcodeOf(error) === SYSTEM_BUSY),
    { maxAttempts: 2, backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 400 }) },
  );
  const breaker = circuitBreaker(handleWhen(isAway), {
    halfOpenAfter: BREAK_MS,
    breaker: new CountBreaker({
      size: CALLS_LOOKED_AT,
      threshold: FAILURES_TO_BREAK,
      minimumNumberOfCalls: CALLS_LOOKED_AT / 4,
    }),
  });
  breaker.onStateChange((state) => onBroken(state !== CircuitState.Closed));
  const pool = new Pool(config.baseUrl, {
    connections: config.connections,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxResponseSize: config.maxResponseBytes,
    keepAliveTimeout: 10_000,
  });
  const ask = async (request: Dispatcher.RequestOptions, signal: AbortSignal) => {
    using limit = limitTime(signal, timeoutMs, (why) => {
      return why === "gone" ? signal.reason : new Error("WeChat took too long");
    });
    const attempt = () => send(pool, { ...request, signal: limit.signal }, signal);
    const once = async () => {
      // While one tries, the others do not wait for it.
      if (breaker.state === CircuitState.HalfOpen) throw busy(new BrokenCircuitError());
      return toReply(await breaker.execute(attempt));
    };
    const startedAt = performance.now();
    let reason = "OK";
    const path = toPath(request);
    const span = {
      name: `WeChat ${path}`,
      kind: "client",
      attributes: { "url.path": path },
    } as const;
    try {
      return await traced(span, () => again.execute(once, limit.signal));
    } catch (cause) {
      const error = cause instanceof BrokenCircuitError ? busy(cause) : cause;
      reason = error instanceof IdentityError ? error.reason : "INTERNAL";
      throw error;
    } finally {
      onCall(path, reason, (performance.now() - startedAt) / 1_000);
    }
  };
  return {
    get: (path, query, signal) => ask({ method: "GET", path: withQuery(path, query) }, signal),
    post: (path, { query = {}, body }, signal) =>
      ask(
        {
          method: "POST",
          path: withQuery(path, query),
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        },
        signal,
      ),
    isAway: () => breaker.state !== CircuitState.Closed,
    close: () => pool.destroy(),
  };
}

/** An errcode is no failure of this kind: whoever answers is there. */
function isAway(error: unknown): boolean {
  return (error as IdentityError).reason === "UPSTREAM_BUSY";
}

/** Without the query, which holds secrets. */
function toPath({ path }: Dispatcher.RequestOptions): string {
  return path.slice(0, path.indexOf("?"));
}

function withQuery(path: string, query: Record<string, string>): string {
  return `${path}?${new URLSearchParams(query)}`;
}

async function send(
  pool: Pool,
  request: Dispatcher.RequestOptions,
  caller: AbortSignal,
): Promise<string> {
  try {
    const { statusCode, body } = await pool.request(request);
    const text = await body.text();
    if (statusCode >= 500) throw busy(new Error(`HTTP ${statusCode}`));
    if (statusCode !== 200) throw badResponse(`HTTP ${statusCode}`);
    return text;
  } catch (error) {
    if (error instanceof IdentityError) throw error;
    caller.throwIfAborted();
    const code = (error as { code?: unknown }).code;
    if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") throw badResponse("the reply is too long");
    if (typeof code === "string" && code.startsWith("HPE_")) throw badResponse("not HTTP");
    throw busy(error);
  }
}

function toReply(text: string): WechatReply {
  const reply = parseObject(text);
  if (!reply) throw badResponse("the reply is no JSON object");
  const { errcode } = reply;
  if (errcode !== undefined && errcode !== 0) throw ofErrcode(errcode, reply.errmsg);
  return reply;
}

function parseObject(text: string): WechatReply | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as WechatReply) : undefined;
  } catch {
    return undefined;
  }
}
