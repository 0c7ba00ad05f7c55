import type { IncomingMessage } from "node:http";
import type { Context } from "hono";
import type { CallOptions } from "../client.ts";
import type { GatewayConfig } from "../config-gateway.ts";
import { activeTraceparent } from "../tracing.ts";
import type { GatewayReason } from "./errors.ts";

/** What the pipeline leaves for the handlers of one request. */
export interface GatewayEnv {
  Bindings: {
    /** Node's own request; absent where there is no socket. */
    incoming?: IncomingMessage;
  };
  Variables: {
    requestId: string;
    /** Of an Authorization header that is well-formed; whether it holds, identity decides. */
    token: string;
    /** Why the request was refused, for the log. */
    reason?: GatewayReason;
  };
}

/** The options of a call to identity on behalf of this request. */
export function callOptions(c: Context<GatewayEnv>, config: GatewayConfig): CallOptions {
  const { signal } = c.req.raw;
  // node-server aborts with a text; thrown further on, it would pass by the error handler.
  if (signal.aborted) throw new Error("the client is gone");
  const token = c.get("token");
  const timeoutMs = config.timeoutMs;
  const traceparent = activeTraceparent();
  return {
    requestId: c.get("requestId"),
    timeoutMs,
    signal,
    ...(token ? { token } : {}),
    ...(traceparent ? { traceparent } : {}),
  };
}
