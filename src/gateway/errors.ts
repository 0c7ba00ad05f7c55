import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { CallReason } from "../client.ts";

/** A reason in the gateway's own answers: identity's, and those that only HTTP knows. */
export type GatewayReason =
  | CallReason
  | "ROUTE_NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "REQUEST_TIMEOUT"
  | "PAYLOAD_TOO_LARGE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "HEADERS_TOO_LARGE";

/** The HTTP status of every reason. */
export const HTTP_STATUS = {
  INVALID_FIELD: 400,
  LOGIN_CODE_MALFORMED: 400,
  LOGIN_CODE_INVALID: 400,
  LOGIN_CODE_USED: 409,
  LOGIN_RISK_BLOCKED: 403,
  APP_REQUIRED: 400,
  APP_UNKNOWN: 404,
  APP_MISCONFIGURED: 500,
  UPSTREAM_BUSY: 503,
  UPSTREAM_QUOTA: 429,
  UPSTREAM_BAD_RESPONSE: 502,
  NICKNAME_INVALID: 400,
  AVATAR_INVALID: 400,
  PROFILE_CONFLICT: 409,
  USER_NOT_FOUND: 404,
  USER_DISABLED: 403,
  TOKEN_MISSING: 401,
  TOKEN_INVALID: 401,
  TOKEN_EXPIRED: 401,
  TOKEN_REVOKED: 401,
  REFRESH_TOKEN_INVALID: 401,
  REFRESH_TOKEN_REUSED: 401,
  STORAGE_UNAVAILABLE: 503,
  RATE_LIMITED: 429,
  OVERLOADED: 503,
  INTERNAL: 500,
  CALLER_UNKNOWN: 401,
  CALLER_FORBIDDEN: 403,
  SESSION_KEY_MISSING: 409,
  SESSION_KEY_STALE: 409,
  DATA_REJECTED: 400,
  PHONE_CODE_INVALID: 400,
  PHONE_TAKEN: 409,
  ROUTE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HEADERS_TOO_LARGE: 431,
} as const satisfies Record<GatewayReason, ContentfulStatusCode>;

export interface GatewayErrorDetails {
  /** When to come again. */
  retryAfterSeconds?: number | undefined;
  /** The field or header at fault, in the name that the client uses. */
  field?: string | undefined;
  /** The methods of the path, for the header Allow. */
  allow?: string | undefined;
  /** What happened underneath: for the log. */
  cause?: unknown;
}

/** A request that the gateway refuses before identity hears of it. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly reason: GatewayReason;
  readonly field: string | undefined;
  readonly allow: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(reason: GatewayReason, details: GatewayErrorDetails = {}) {
    super(reason, { cause: details.cause });
    this.reason = reason;
    this.field = details.field;
    this.allow = details.allow;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
