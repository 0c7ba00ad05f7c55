import type {
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { create, fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";
import { DirectoryService } from "./gen/identity/v1/directory_service_pb.js";
import { ErrorReason } from "./gen/identity/v1/error_reason_pb.js";
import { IdentityService } from "./gen/identity/v1/identity_service_pb.js";
import { toGrpcDefinition } from "./grpc-definition.ts";

/** A reason that identity gives for an error. */
export type CallReason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

export interface CallOptions {
  /** The user's access token, without `Bearer `. */
  token?: string;
  /** Found again in identity's log. */
  requestId?: string;
  /** The deadline, counted from now; by default the client's. */
  timeoutMs?: number;
  /** Ends the call early, down to its last socket. */
  signal?: AbortSignal;
}

type Call<Method extends DescMethodUnary> = (
  request: MessageInitShape<Method["input"]>,
  options?: CallOptions,
) => Promise<MessageShape<Method["output"]>>;

/** Every RPC of a service as a function; rejects with {@link IdentityCallError}. */
type ClientOf<Service extends { method: object }> = {
  readonly [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodUnary
    ? Call<Service["method"][Name]>
    : never;
} & {
  /** Whether a call would reach identity now; waits for a connection up to `timeoutMs`. */
  isReady(timeoutMs: number): Promise<boolean>;
  close(): void;
};

/** For people's own calls: the gateway's. */
export type IdentityClient = ClientOf<typeof IdentityService>;

/** For the company's services. */
export type DirectoryClient = ClientOf<typeof DirectoryService>;

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

export interface IdentityClientConfig {
  /** A gRPC target: `127.0.0.1:50051`, or `dns:///identity:50051` to balance over replicas. */
  target: string;
  /** The deadline of a call that names none. */
  timeoutMs: number;
}

const CHANNEL_OPTIONS = {
  "grpc.max_receive_message_length": 1024 * 1024,
  "grpc.max_send_message_length": 64 * 1024,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};

/** A client of IdentityService over gRPC. */
export function createIdentityClient(config: IdentityClientConfig): IdentityClient {
  return createClient(IdentityService, config);
}

/** A client of DirectoryService over gRPC. `secret` is the one whose SHA-256 RPC_CALLERS holds. */
export function createDirectoryClient(
  config: IdentityClientConfig & { secret: string },
): DirectoryClient {
  return createClient(DirectoryService, config, config.secret);
}

function createClient<Service extends DescService>(
  service: Service,
  config: IdentityClientConfig,
  secret?: string,
): ClientOf<Service> {
  const channel = new Client(config.target, credentials.createInsecure(), CHANNEL_OPTIONS);
  const definition = toGrpcDefinition(service);
  const calls = service.methods.map((method) => {
    const { path, requestSerialize, responseDeserialize } = definition[
      method.localName
    ] as never as {
      path: string;
      requestSerialize: (message: unknown) => Buffer;
      responseDeserialize: (bytes: Buffer) => unknown;
    };
    const call = (request: object, options: CallOptions = {}) =>
      new Promise((resolve, reject) => {
        options.signal?.throwIfAborted();
        const deadline = Date.now() + (options.timeoutMs ?? config.timeoutMs);
        const running = channel.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          create(method.input, request as never),
          toMetadata({ ...(secret ? { token: secret } : {}), ...options }),
          { deadline },
          (error, reply) => {
            options.signal?.removeEventListener("abort", cancel);
            error ? reject(toCallError(error)) : resolve(reply);
          },
        );
        const cancel = () => running.cancel();
        options.signal?.addEventListener("abort", cancel, { once: true });
      });
    return [method.localName, call];
  });
  return {
    ...Object.fromEntries(calls),
    isReady: (timeoutMs: number) =>
      new Promise((resolve) => {
        channel.waitForReady(Date.now() + timeoutMs, (error) => resolve(!error));
      }),
    close: () => channel.close(),
  } as ClientOf<Service>;
}

function toMetadata({ token, requestId }: CallOptions): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  if (requestId !== undefined) metadata.set("x-request-id", requestId);
  return metadata;
}

function toCallError(error: ServiceError): IdentityCallError {
  const details = readDetails(error);
  if (details) return new IdentityCallError({ ...details, message: error.details, cause: error });
  const [reason, message] =
    error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED
      ? (["OVERLOADED", "identity does not answer"] as const)
      : (["INTERNAL", "identity failed"] as const);
  const retryAfterMs = reason === "OVERLOADED" ? 1_000 : undefined;
  return new IdentityCallError({ reason, message, retryAfterMs, cause: error });
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
