import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import { ErrorReason } from "./gen/identity/v1/error_reason_pb.js";

/** A reason that identity gives for an error. */
export type CallReason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

export interface CallErrorDetails {
  reason: CallReason;
  /** In English; callers with people in front of them word it by `reason`. */
  message: string;
  /** The field at fault, in the proto's name. */
  field?: string | undefined;
  /** How long to wait before asking again, in milliseconds. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** What identity answered instead of a reply, or what kept the call from it. */
export class IdentityCallError extends Error {
  override readonly name = "IdentityCallError";
  readonly reason: CallReason;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(details: CallErrorDetails) {
    super(details.message, { cause: details.cause });
    this.reason = details.reason;
    this.field = details.field;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** What a gRPC error means; OVERLOADED or INTERNAL where identity itself said nothing. */
export function toCallError(error: ServiceError): IdentityCallError {
  const details = readDetails(error);
  if (details) return new IdentityCallError({ ...details, message: error.details, cause: error });
  const [reason, message] =
    isConnectionLost(error) || error.code === status.DEADLINE_EXCEEDED
      ? (["OVERLOADED", "identity does not answer"] as const)
      : (["INTERNAL", "identity failed"] as const);
  const retryAfterMs = reason === "OVERLOADED" ? 1_000 : undefined;
  return new IdentityCallError({ reason, message, retryAfterMs, cause: error });
}

/**
 * How a call failed that another replica, or the same one in a moment, may well answer: it found no
 * connection, or its connection broke. Not what identity itself answered: it has tried again where that
 * could help, and more adds to its load.
 */
export function readFailure(error: ServiceError): { isUnsent: boolean; isUnanswered: boolean } {
  const isUnanswered = isConnectionLost(error) && readDetails(error) === undefined;
  // The words of grpc-js, which keeps how far a call came to itself.
  return {
    isUnanswered,
    isUnsent: isUnanswered && /No connection established/.test(error.details),
  };
}

/** In grpc-js's words, too: what breaks a connection with HTTP/2's own code has no gRPC code of its own. */
function isConnectionLost({ code, details }: ServiceError): boolean {
  return code === status.UNAVAILABLE || /^(Received RST_STREAM|Bandwidth exhausted)/.test(details);
}

function readDetails(error: ServiceError): Omit<CallErrorDetails, "message"> | undefined {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  const found: Partial<CallErrorDetails> = {};
  for (const detail of fromBinary(StatusSchema, bytes).details) {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info && info.reason in ErrorReason) found.reason = info.reason as CallReason;
    found.field ??= anyUnpack(detail, BadRequestSchema)?.fieldViolations[0]?.field;
    const delay = anyUnpack(detail, RetryInfoSchema)?.retryDelay;
    if (delay) found.retryAfterMs = Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
  }
  return found.reason ? { ...found, reason: found.reason } : undefined;
}
