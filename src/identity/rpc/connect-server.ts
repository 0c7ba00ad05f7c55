import { createServer } from "node:http";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import { ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Address, RpcConfig } from "../../config.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.js";
import { closeServer, listen } from "../../listen.ts";
import type { IdentityError } from "../errors.ts";
import { overloaded } from "./admission.ts";
import { createConnectDoor } from "./connect-door.ts";
import { CODE_OF_REASON } from "./error-codes.ts";
import { errorDetails } from "./error-details.ts";
import type { Call, Pipeline } from "./pipeline.ts";
import { SERVICES } from "./services.ts";

const SERVER_OPTIONS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
};

/** Every service over the Connect protocol and gRPC-Web, on HTTP/1.1. */
export interface ConnectServer {
  address: Address;
  /** Takes no more calls and lets those under way finish, for at most 10 s. */
  close(): Promise<void>;
}

export async function startConnectServer(
  { connectListen, maxMessageBytes, maxTimeoutMs }: RpcConfig,
  pipeline: Pipeline,
): Promise<ConnectServer> {
  const adapter = connectNodeAdapter({
    routes: (router) => addRoutes(router, pipeline),
    // Native gRPC has a server of its own.
    grpc: false,
    readMaxBytes: maxMessageBytes,
    // A longer one is refused here; of gRPC, whose clients cannot know, it is cut.
    maxTimeoutMs,
    writeMaxBytes: 1024 * 1024,
  });
  const server = createServer(
    SERVER_OPTIONS,
    createConnectDoor(
      adapter,
      pipeline,
      toConnectError(overloaded("more calls come than are served")),
    ),
  );
  server.maxConnections = 10_000;
  const address = await listen(server, connectListen);
  return { address, close: () => closeServer(server) };
}

function addRoutes(router: ConnectRouter, pipeline: Pipeline): void {
  for (const service of SERVICES) {
    const methods = Object.values(service.method).map((method: DescMethodUnary) => {
      const handle = async (request: never, context: HandlerContext) => {
        try {
          return await pipeline.run(method, request, toCall(context));
        } catch (error) {
          throw toConnectError(error as IdentityError);
        }
      };
      return [method.localName, handle] as const;
    });
    router.service(service, Object.fromEntries(methods));
  }
}

function toCall({ requestHeader, timeoutMs, signal }: HandlerContext): Call {
  const authorization = requestHeader.get("authorization");
  return {
    wire: "connect",
    authorization: authorization === null ? [] : [authorization],
    requestId: requestHeader.get("x-request-id") ?? undefined,
    traceparent: requestHeader.get("traceparent") ?? undefined,
    timeoutMs: timeoutMs(),
    signal,
  };
}

function toConnectError(error: IdentityError): ConnectError {
  const { info, badRequest, retry } = errorDetails(error);
  return new ConnectError(error.message, CODE_OF_REASON[error.reason], undefined, [
    { desc: ErrorInfoSchema, value: info },
    ...(badRequest ? [{ desc: BadRequestSchema, value: badRequest }] : []),
    ...(retry ? [{ desc: RetryInfoSchema, value: retry }] : []),
  ]);
}
