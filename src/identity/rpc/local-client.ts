import { create, type DescMethodUnary } from "@bufbuild/protobuf";
import { type CallOptions, IdentityCallError, type IdentityClient } from "../../client.ts";
import { IdentityService } from "../../gen/identity/v1/identity_service_pb.js";
import type { IdentityError } from "../errors.ts";
import type { Pipeline } from "./pipeline.ts";

/** The client for callers in the same process: the pipeline without a hop. */
export function createLocalClient(pipeline: Pipeline): IdentityClient {
  const calls = Object.values(IdentityService.method).map((method: DescMethodUnary) => {
    const call = async (request: object, options: CallOptions = {}) => {
      try {
        return await pipeline.run(method, create(method.input, request as never), toCall(options));
      } catch (error) {
        throw toCallError(error as IdentityError);
      }
    };
    return [method.localName, call];
  });
  return {
    ...Object.fromEntries(calls),
    isReady: async () => true,
    close: () => {},
  };
}

function toCall({ token, requestId, traceparent, timeoutMs, signal }: CallOptions) {
  return {
    wire: "local" as const,
    authorization: token === undefined ? [] : [`Bearer ${token}`],
    requestId,
    traceparent,
    timeoutMs,
    signal: signal ?? new AbortController().signal,
  };
}

function toCallError({ reason, message, field, retryAfterMs }: IdentityError): IdentityCallError {
  return new IdentityCallError({ reason, message, field, retryAfterMs });
}
