import type {
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { type Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type ChannelConfig, openChannel, repeat } from "./client-channel.ts";
import { IdentityCallError, readFailure, toCallError } from "./client-errors.ts";
import { AdminService } from "./gen/identity/v1/admin_service_pb.js";
import { DirectoryService } from "./gen/identity/v1/directory_service_pb.js";
import { IdentityService } from "./gen/identity/v1/identity_service_pb.js";
import { toGrpcDefinition } from "./grpc-definition.ts";
import { createThrottle } from "./throttle.ts";

export type { AccessTokenClaims } from "./access-token.ts";
export type { TlsConfig } from "./client-channel.ts";
export { type CallErrorDetails, type CallReason, IdentityCallError } from "./client-errors.ts";
export {
  createTokenVerifier,
  type TokenVerifier,
  type TokenVerifierConfig,
} from "./token-verifier.ts";

export interface CallOptions {
  /** The user's access token, without `Bearer `. */
  token?: string;
  /** Found again in identity's log. */
  requestId?: string;
  /** The caller's span (W3C Trace Context), under which identity's spans are put. */
  traceparent?: string;
  /** The deadline, counted from now; by default the client's. */
  timeoutMs?: number;
  /** Ends the call early, down to its last socket. */
  signal?: AbortSignal;
}

type Call<Method extends DescMethodUnary> = (
  request: MessageInitShape<Method["input"]>,
  options?: CallOptions,
) => Promise<MessageShape<Method["output"]>>;

/** Every RPC of a service as a function; rejects with IdentityCallError. */
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

/** For operators. */
export type AdminClient = ClientOf<typeof AdminService>;

export interface IdentityClientConfig extends ChannelConfig {
  /** The deadline of a call that names none, its repetitions included. */
  timeoutMs: number;
}

/** `secret` is the one whose SHA-256 RPC_CALLERS holds. */
export type CallerClientConfig = IdentityClientConfig & { secret: string };

/** Whether a call that got no answer may be made again: it may have been carried out. */
type Repeatable = "always" | "under an idempotency key" | "never";

type RepeatableOf<Service extends { method: object }> = Record<keyof Service["method"], Repeatable>;

const IDENTITY_CALLS: RepeatableOf<typeof IdentityService> = {
  miniLogin: "under an idempotency key",
  refreshToken: "under an idempotency key",
  logout: "always",
  listSessions: "always",
  revokeSession: "always",
  getProfile: "always",
  updateProfile: "never",
  bindPhone: "never",
  exportAccount: "always",
  deleteAccount: "always",
  getJwks: "always",
};

const DIRECTORY_CALLS: RepeatableOf<typeof DirectoryService> = {
  getUser: "always",
  batchGetUsers: "always",
  verifyToken: "always",
  decryptData: "always",
  verifySignature: "always",
  checkSessionKey: "always",
  resetSessionKey: "never",
};

const ADMIN_CALLS: RepeatableOf<typeof AdminService> = {
  searchUsers: "always",
  disableUser: "never",
  enableUser: "never",
  revokeUserSessions: "never",
  mergeUsers: "always",
  deleteUser: "never",
  exportUser: "always",
  listAuditEvents: "always",
  rotateSigningKey: "never",
};

/** A client of IdentityService over gRPC. */
export function createIdentityClient(config: IdentityClientConfig): IdentityClient {
  return createClient(IdentityService, IDENTITY_CALLS, config);
}

/** A client of DirectoryService over gRPC. */
export function createDirectoryClient(config: CallerClientConfig): DirectoryClient {
  return createClient(DirectoryService, DIRECTORY_CALLS, config);
}

/** A client of AdminService over gRPC. */
export function createAdminClient(config: CallerClientConfig): AdminClient {
  return createClient(AdminService, ADMIN_CALLS, config);
}

function createClient<Service extends DescService>(
  service: Service,
  repeatable: Readonly<Record<string, Repeatable>>,
  { timeoutMs, secret, ...config }: IdentityClientConfig & { secret?: string },
): ClientOf<Service> {
  const channel = openChannel(config);
  const calls = service.methods.map((method) => {
    const send = createSend(service, method.localName);
    const throttle = createThrottle();
    const call = async (request: object, options: CallOptions = {}) => {
      options.signal?.throwIfAborted();
      if (!throttle.admits()) throw overloaded();
      const message = create(method.input, request as never);
      const metadata = toMetadata({ ...(secret ? { token: secret } : {}), ...options });
      const endMs = Date.now() + (options.timeoutMs ?? timeoutMs);
      const { signal } = options;
      const isRepeatable = mayRepeat(repeatable[method.localName], message);
      try {
        const attempt = (client: Client) => send(client, message, { metadata, endMs, signal });
        const reply = await repeat(channel, attempt, { endMs, signal, isRepeatable });
        throttle.done(false);
        return reply;
      } catch (cause) {
        const error = toCallError(cause as ServiceError);
        const { isUnanswered } = readFailure(cause as ServiceError);
        throttle.done(error.reason === "OVERLOADED" && !isUnanswered);
        throw error;
      }
    };
    return [method.localName, call];
  });
  return {
    ...Object.fromEntries(calls),
    isReady: channel.isReady,
    close: channel.close,
  } as ClientOf<Service>;
}

function mayRepeat(repeatable: Repeatable | undefined, message: object): boolean {
  const { idempotencyKey } = message as { idempotencyKey?: string };
  return repeatable === "always" || (repeatable !== "never" && Boolean(idempotencyKey));
}

function overloaded(): IdentityCallError {
  const message = "identity refuses most of these calls";
  return new IdentityCallError({ reason: "OVERLOADED", message, retryAfterMs: 1_000 });
}

/** How one attempt is made. */
interface Sending {
  metadata: Metadata;
  endMs: number;
  signal: AbortSignal | undefined;
}

/** One attempt; rejects with grpc-js's ServiceError. */
function createSend(service: DescService, name: string) {
  const { path, requestSerialize, responseDeserialize } = toGrpcDefinition(service)[
    name
  ] as never as {
    path: string;
    requestSerialize: (message: unknown) => Buffer;
    responseDeserialize: (bytes: Buffer) => unknown;
  };
  return (client: Client, message: object, { metadata, endMs, signal }: Sending) =>
    new Promise((resolve, reject) => {
      const running = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        metadata,
        { deadline: endMs },
        (error, reply) => {
          signal?.removeEventListener("abort", cancel);
          error ? reject(error) : resolve(reply);
        },
      );
      const cancel = () => running.cancel();
      signal?.addEventListener("abort", cancel, { once: true });
    });
}

function toMetadata({ token, requestId, traceparent }: CallOptions): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  if (requestId !== undefined) metadata.set("x-request-id", requestId);
  if (traceparent !== undefined) metadata.set("traceparent", traceparent);
  return metadata;
}
