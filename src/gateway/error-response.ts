import type { Context, MiddlewareHandler } from "hono";
import { IdentityCallError } from "../client.ts";
import type { Logger } from "../log.ts";
import type { GatewayEnv } from "./env.ts";
import { GatewayError, type GatewayReason, HTTP_STATUS } from "./errors.ts";
import { MESSAGES, pickLanguage } from "./messages.ts";

/** The body of every answer that is not a success. */
export interface ErrorBody {
  /** The HTTP status once more. */
  code: number;
  reason: GatewayReason;
  /** For the person holding the phone. */
  message: string;
  requestId: string;
}

/** What identity calls a field, by the name that the gateway's clients know it under. */
const CLIENT_NAMES: Readonly<Record<string, string>> = {
  app_id: "appId",
  refresh_token: "refreshToken",
  session_id: "id",
  idempotency_key: "Idempotency-Key",
  expected_version: "If-Match",
  "user_info.nickname": "userInfo.nickName",
  "user_info.avatar_url": "userInfo.avatarUrl",
};

/** The body for a reason; `field` shows in INVALID_FIELD, which alone does not tell what is wrong. */
export function toErrorBody(
  reason: GatewayReason,
  request: { requestId: string; acceptLanguage?: string | undefined; field?: string | undefined },
): ErrorBody {
  const language = pickLanguage(request.acceptLanguage);
  const text = MESSAGES[reason][language];
  const field = reason === "INVALID_FIELD" && request.field ? request.field : undefined;
  const message = field ? `${text}${language === "en" ? ` (${field})` : `（${field}）`}` : text;
  return { code: HTTP_STATUS[reason], reason, message, requestId: request.requestId };
}

/** Answers whatever a handler threw; what nobody foresaw is logged and answered as INTERNAL. */
export function createErrorHandler(log: Logger) {
  return (error: Error, c: Context<GatewayEnv>): Response => {
    // Nobody reads this answer; the status is for the log (nginx's "client closed request").
    if (c.req.raw.signal.aborted) return new Response(null, { status: 499 });
    const known = error instanceof IdentityCallError || error instanceof GatewayError;
    const reason = known ? error.reason : "INTERNAL";
    const requestId = c.get("requestId");
    c.set("reason", reason);
    if (!known || reason === "INTERNAL") log.error({ event: "failed", err: error, requestId });
    setErrorHeaders(c, error, reason);
    const field = known && error.field ? (CLIENT_NAMES[error.field] ?? error.field) : undefined;
    const acceptLanguage = c.req.header("accept-language");
    return c.json(toErrorBody(reason, { requestId, acceptLanguage, field }), HTTP_STATUS[reason]);
  };
}

/** Refuses what no route before it took: a handler for one path, with the methods it does have. */
export function refuseMethod(methods: readonly string[]): MiddlewareHandler<GatewayEnv> {
  const allow = methods.flatMap((m) => (m === "GET" ? ["GET", "HEAD"] : [m])).join(", ");
  return () => {
    throw new GatewayError("METHOD_NOT_ALLOWED", { allow });
  };
}

function setErrorHeaders(c: Context<GatewayEnv>, error: Error, reason: GatewayReason): void {
  c.header("vary", "accept-language");
  if (HTTP_STATUS[reason] === 401) c.header("www-authenticate", "Bearer");
  if (error instanceof GatewayError && error.allow) c.header("allow", error.allow);
  const seconds =
    error instanceof GatewayError
      ? error.retryAfterSeconds
      : ((error as Partial<IdentityCallError>).retryAfterMs ?? Number.NaN) / 1_000;
  if (seconds) c.header("retry-after", String(Math.ceil(seconds)));
}
