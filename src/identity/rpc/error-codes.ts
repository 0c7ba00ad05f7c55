import { Code } from "@connectrpc/connect";
import type { ErrorReason } from "../../gen/identity/v1/error_reason_pb.js";
import type { Reason } from "../errors.ts";

/** The gRPC code of each reason; Connect's codes are the same numbers. */
export const CODE_OF_REASON = {
  INVALID_FIELD: Code.InvalidArgument,
  LOGIN_CODE_MALFORMED: Code.InvalidArgument,
  LOGIN_CODE_INVALID: Code.InvalidArgument,
  LOGIN_CODE_USED: Code.Aborted,
  LOGIN_RISK_BLOCKED: Code.PermissionDenied,
  APP_REQUIRED: Code.InvalidArgument,
  APP_UNKNOWN: Code.NotFound,
  APP_MISCONFIGURED: Code.Internal,
  UPSTREAM_BUSY: Code.Unavailable,
  UPSTREAM_QUOTA: Code.ResourceExhausted,
  UPSTREAM_BAD_RESPONSE: Code.Internal,
  NICKNAME_INVALID: Code.InvalidArgument,
  AVATAR_INVALID: Code.InvalidArgument,
  PROFILE_CONFLICT: Code.Aborted,
  USER_NOT_FOUND: Code.NotFound,
  USER_DISABLED: Code.PermissionDenied,
  TOKEN_MISSING: Code.Unauthenticated,
  TOKEN_INVALID: Code.Unauthenticated,
  TOKEN_EXPIRED: Code.Unauthenticated,
  TOKEN_REVOKED: Code.Unauthenticated,
  REFRESH_TOKEN_INVALID: Code.Unauthenticated,
  REFRESH_TOKEN_REUSED: Code.Unauthenticated,
  STORAGE_UNAVAILABLE: Code.Unavailable,
  RATE_LIMITED: Code.ResourceExhausted,
  OVERLOADED: Code.Unavailable,
  INTERNAL: Code.Internal,
  CALLER_UNKNOWN: Code.Unauthenticated,
  CALLER_FORBIDDEN: Code.PermissionDenied,
  SESSION_KEY_MISSING: Code.FailedPrecondition,
  SESSION_KEY_STALE: Code.FailedPrecondition,
  DATA_REJECTED: Code.InvalidArgument,
  PHONE_CODE_INVALID: Code.InvalidArgument,
  PHONE_TAKEN: Code.AlreadyExists,
} as const satisfies Record<Reason, Code> &
  Record<Exclude<keyof typeof ErrorReason, "UNSPECIFIED">, Code>;
