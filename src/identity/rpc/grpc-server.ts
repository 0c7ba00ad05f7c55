import { type DescFile, type DescMethodUnary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  type handleUnaryCall,
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type ServerUnaryCall,
  setLogVerbosity,
} from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import type { Address, RpcConfig } from "../../config.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { toGrpcDefinition } from "../../grpc-definition.ts";
import { DRAIN_TIMEOUT_MS, formatAddress, listenError } from "../../listen.ts";
import type { IdentityError } from "../errors.ts";
import { CODE_OF_REASON } from "./error-codes.ts";
import { statusDetails } from "./error-details.ts";
import type { Call, Pipeline } from "./pipeline.ts";
import { SERVICES } from "./services.ts";

const OPTIONS = {
  // Its books of every call are kept for a debugging service that is not offered here.
  "grpc.enable_channelz": 0,
  "grpc.max_concurrent_streams": 2_048,
  "grpc.max_metadata_size": 16 * 1024,
  // Longer than the drain: a ping after GOAWAY would cut the calls that are still running.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  // So that clients of `dns:///` find a new replica; the grace is for calls under way.
  "grpc.max_connection_age_ms": 300_000,
  "grpc.max_connection_age_grace_ms": 15_000,
};

const CANCELLED = new Error("the call is over");

/** Every service over native gRPC, with health (`grpc.health.v1`) and reflection. */
export interface GrpcServer {
  address: Address;
  /** What health tells about the service and the whole server. */
  setServing(serving: boolean): void;
  /** Takes no more calls and lets those under way finish, for at most 10 s. */
  close(): Promise<void>;
}

export async function startGrpcServer(
  { grpcListen, maxMessageBytes }: RpcConfig,
  pipeline: Pipeline,
): Promise<GrpcServer> {
  // Its lines are no JSON, and what matters in them reaches us as an error.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    ...OPTIONS,
    "grpc.max_receive_message_length": maxMessageBytes,
  });
  for (const service of SERVICES) {
    const handlers = Object.values(service.method).map((method: DescMethodUnary) => {
      return [method.localName, toHandler(pipeline, method)] as const;
    });
    server.addService(toGrpcDefinition(service), Object.fromEntries(handlers));
  }
  const health = new HealthImplementation();
  health.addToServer(server);
  reflection().addToServer(server);
  const setServing = (serving: boolean) => {
    const status = serving ? "SERVING" : "NOT_SERVING";
    for (const name of ["", ...SERVICES.map(({ typeName }) => typeName)])
      health.setStatus(name, status);
  };
  setServing(true);
  const address = await bind(server, grpcListen);
  return {
    address,
    setServing,
    close: () => {
      setServing(false);
      return drain(server);
    },
  };
}

function toHandler(pipeline: Pipeline, method: DescMethodUnary): handleUnaryCall<unknown, unknown> {
  return (call, callback) => {
    pipeline.run(method, call.request as never, toCall(call)).then(
      (reply) => callback(null, reply),
      (error) => callback(toGrpcError(error)),
    );
  };
}

/** What grpc-js answers for it. */
export function toGrpcError(error: IdentityError): Partial<ServerErrorResponse> {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", statusDetails(error));
  return { code: Number(CODE_OF_REASON[error.reason]), details: error.message, metadata };
}

function toCall(call: ServerUnaryCall<unknown, unknown>): Call {
  const gone = new AbortController();
  // Also emitted after a reply, where the event's own reason would cost a stack trace.
  call.once("cancelled", () => gone.abort(CANCELLED));
  const deadline = call.getDeadline();
  const timeoutMs = Number(deadline) - Date.now();
  return {
    wire: "grpc",
    authorization: call.metadata.get("authorization").map(String),
    requestId: call.metadata.get("x-request-id").map(String)[0],
    traceparent: call.metadata.get("traceparent").map(String)[0],
    timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : undefined,
    signal: gone.signal,
  };
}

/** The schema as buf compiled it. (proto-loader would merge the files of a package into one.) */
function reflection(): ReflectionService {
  const files = [...SERVICES, Health].flatMap(({ file }) => withImports(file));
  const fileDescriptorProtos = files.map(({ proto }) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, proto)),
  );
  const format = "Protocol Buffer 3 DescriptorProto";
  return new ReflectionService({ all: { format, type: {}, fileDescriptorProtos } });
}

function withImports(file: DescFile): DescFile[] {
  return [file, ...file.dependencies.flatMap(withImports)];
}

function bind(server: Server, { host, port }: Address): Promise<Address> {
  const address = formatAddress({ host, port });
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, real) => {
      if (error) reject(listenError(address, error));
      else resolve({ host, port: real });
    });
  });
}

async function drain(server: Server): Promise<void> {
  const timer = setTimeout(() => server.forceShutdown(), DRAIN_TIMEOUT_MS);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(timer);
}
