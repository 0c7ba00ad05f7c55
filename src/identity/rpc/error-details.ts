import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyPack, type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import type { IdentityError } from "../errors.ts";
import { CODE_OF_REASON } from "./error-codes.ts";

/** What goes with an error on both wires: ErrorInfo always, BadRequest and RetryInfo where known. */
export function errorDetails({ reason, field, message, retryAfterMs }: IdentityError) {
  const metadata: Record<string, string> = field ? { field } : {};
  const info: MessageInitShape<typeof ErrorInfoSchema> = { reason, domain: "identity", metadata };
  return {
    info: create(ErrorInfoSchema, info),
    badRequest: field
      ? create(BadRequestSchema, { fieldViolations: [{ field, description: message }] })
      : undefined,
    retry:
      retryAfterMs === undefined
        ? undefined
        : create(RetryInfoSchema, { retryDelay: toDuration(retryAfterMs) }),
  };
}

/** The value of `grpc-status-details-bin`. */
export function statusDetails(error: IdentityError): Buffer {
  const { info, badRequest, retry } = errorDetails(error);
  const status = create(StatusSchema, {
    code: CODE_OF_REASON[error.reason],
    message: error.message,
    details: [
      anyPack(ErrorInfoSchema, info),
      ...(badRequest ? [anyPack(BadRequestSchema, badRequest)] : []),
      ...(retry ? [anyPack(RetryInfoSchema, retry)] : []),
    ],
  });
  return Buffer.from(toBinary(StatusSchema, status));
}

function toDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1_000);
  return create(DurationSchema, { seconds: BigInt(seconds), nanos: (ms - seconds * 1_000) * 1e6 });
}
