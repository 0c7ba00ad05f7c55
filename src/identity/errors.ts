/** Why a call was refused; `ErrorReason` of the proto, and the only reasons there are. */
export type Reason =
  | "INVALID_FIELD"
  | "LOGIN_CODE_MALFORMED"
  | "LOGIN_CODE_INVALID"
  | "LOGIN_CODE_USED"
  | "LOGIN_RISK_BLOCKED"
  | "APP_REQUIRED"
  | "APP_UNKNOWN"
  | "APP_MISCONFIGURED"
  | "UPSTREAM_BUSY"
  | "UPSTREAM_QUOTA"
  | "UPSTREAM_BAD_RESPONSE"
  | "NICKNAME_INVALID"
  | "AVATAR_INVALID"
  | "PROFILE_CONFLICT"
  | "USER_NOT_FOUND"
  | "USER_DISABLED"
  | "TOKEN_MISSING"
  | "TOKEN_INVALID"
  | "TOKEN_EXPIRED"
  | "TOKEN_REVOKED"
  | "REFRESH_TOKEN_INVALID"
  | "REFRESH_TOKEN_REUSED"
  | "STORAGE_UNAVAILABLE"
  | "RATE_LIMITED"
  | "OVERLOADED"
  | "INTERNAL"
  | "CALLER_UNKNOWN"
  | "CALLER_FORBIDDEN"
  | "SESSION_KEY_MISSING"
  | "SESSION_KEY_STALE"
  | "DATA_REJECTED"
  | "PHONE_CODE_INVALID"
  | "PHONE_TAKEN";

export interface IdentityErrorOptions {
  /** The field at fault, in the proto's name. */
  field?: string;
  /** When asking again can help, in milliseconds from now. */
  retryAfterMs?: number;
  /** What happened underneath: for the log, never for the caller. */
  cause?: unknown;
}

/** The one error that use cases throw; its message is safe to show to a caller. */
export class IdentityError extends Error {
  override readonly name = "IdentityError";
  readonly reason: Reason;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(reason: Reason, message: string, options: IdentityErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }
}
