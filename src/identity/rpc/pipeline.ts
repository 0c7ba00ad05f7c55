import { randomUUID } from "node:crypto";
import { create, type DescMethodUnary, type MessageShape } from "@bufbuild/protobuf";
import type { RpcConfig } from "../../config.ts";
import type { EventLoopWatch } from "../../event-loop.ts";
import { due, type Logger } from "../../log.ts";
import type { RpcMetrics } from "../../metrics.ts";
import { limitTime } from "../../time-limit.ts";
import { traced } from "../../tracing.ts";
import { type AuthenticateDeps, authenticate, type Principal } from "../authenticate.ts";
import type { Caller, Callers } from "../callers.ts";
import { IdentityError } from "../errors.ts";
import { type Admission, createAdmission } from "./admission.ts";
import { createCallRecord } from "./call-record.ts";
import { type AnyEntry, findEntry, type Lane, type MethodTable } from "./method-table.ts";

/** The calls turned away are told by a line so often, and all by the metrics. */
const TURNED_AWAY_INTERVAL_MS = 1_000;

/** What a wire knows about a call. */
export interface Call {
  wire: "grpc" | "connect" | "local";
  /** Every value of the header. */
  authorization: readonly string[];
  requestId: string | undefined;
  /** The caller's span, as it sent it. */
  traceparent: string | undefined;
  /** What the caller leaves of its deadline, in milliseconds; undefined when it set none. */
  timeoutMs: number | undefined;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
}

/** Runs one call the same way for every wire. */
export interface Pipeline {
  /**
   * Whether a call of this method is refused as OVERLOADED without being looked at. It is counted then, and
   * logged once a second; its wire answers it.
   */
  turnsAway(method: DescMethodUnary, wire: Call["wire"]): boolean;
  /** Throws nothing but IdentityError. */
  run<Method extends DescMethodUnary>(
    method: Method,
    request: MessageShape<Method["input"]>,
    call: Call,
  ): Promise<MessageShape<Method["output"]>>;
}

export interface PipelineDeps extends AuthenticateDeps {
  methods: MethodTable;
  callers: Callers;
  log: Logger;
  metrics: RpcMetrics;
  loop: EventLoopWatch;
}

export function createPipeline(
  config: Omit<RpcConfig, "grpcListen" | "connectListen" | "maxMessageBytes">,
  deps: PipelineDeps,
): Pipeline {
  const record = createCallRecord(deps);
  const lanes: Record<Lane, Admission> = {
    wechat: createAdmission(config, deps.loop),
    own: createAdmission(config, deps.loop),
  };
  const turnedAwayIsDue = due(TURNED_AWAY_INTERVAL_MS);
  return {
    turnsAway(method, wire) {
      const entry = findEntry(deps.methods, method);
      if (!entry || !lanes[entry.lane].turnsAway()) return false;
      const reason = "OVERLOADED";
      deps.metrics.calls.observe({ method: method.name, wire, reason }, 0);
      if (turnedAwayIsDue()) {
        deps.log.warn({ event: "turned away", method: method.name, wire, reason });
      }
      return true;
    },
    async run(method, request, call) {
      const startedAt = performance.now();
      const requestId = toRequestId(call.requestId);
      try {
        const attributes = { "rpc.wire": call.wire, "request.id": requestId };
        const { traceparent } = call;
        const span = { name: method.name, kind: "server", attributes, traceparent } as const;
        const work = async (signal: AbortSignal) => {
          const entry = findEntry(deps.methods, method);
          if (!entry) throw new Error("a method without an entry in the table");
          const handle = async () => {
            return entry.handle(request, await identify(deps, entry, call), signal);
          };
          return lanes[entry.lane].run(signal, handle);
        };
        const reply = await traced(span, () => withDeadline(config, call, work));
        record({ method, call, requestId, startedAt });
        return create(method.output, reply as never) as never;
      } catch (cause) {
        const error = toIdentityError(cause);
        record({ method, call, requestId, startedAt, error });
        throw error;
      }
    },
  };
}

/** Deny by default: a method without an entry, or a caller without a proof, goes no further. */
async function identify(
  deps: PipelineDeps,
  { access }: AnyEntry,
  { authorization }: Call,
): Promise<Principal | Caller | undefined> {
  if (access === "anyone") return undefined;
  if (access === "user") return authenticate(deps, readToken(authorization));
  return deps.callers.authenticate(readBearer(authorization), access);
}

function readToken(authorization: readonly string[]): string {
  if (!authorization[0]) throw new IdentityError("TOKEN_MISSING", "the call carries no token");
  const token = readBearer(authorization);
  if (token) return token;
  throw new IdentityError("TOKEN_INVALID", "authorization is not one Bearer token");
}

/** RFC 6750, section 2.1; undefined when there is not exactly one. */
function readBearer([value = "", ...more]: readonly string[]): string | undefined {
  return more.length === 0 ? /^Bearer ([\x21-\x7E]+)$/i.exec(value)?.[1] : undefined;
}

/** Ends the wait when the time is up or the caller has gone, even if the work does not notice. */
async function withDeadline<T>(
  { defaultTimeoutMs, maxTimeoutMs }: Pick<RpcConfig, "defaultTimeoutMs" | "maxTimeoutMs">,
  call: Call,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeoutMs = Math.min(call.timeoutMs ?? defaultTimeoutMs, maxTimeoutMs);
  using limit = limitTime(call.signal, timeoutMs, (why) =>
    why === "gone"
      ? new IdentityError("OVERLOADED", "the call was cancelled")
      : new IdentityError("OVERLOADED", "the deadline was reached", { retryAfterMs: 1_000 }),
  );
  const { signal } = limit;
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  signal.throwIfAborted();
  return await Promise.race([work(signal), ended]);
}

function toIdentityError(error: unknown): IdentityError {
  if (error instanceof IdentityError) return error;
  return new IdentityError("INTERNAL", "something went wrong on our side", { cause: error });
}

function toRequestId(value: string | undefined): string {
  return value && /^[A-Za-z0-9._-]{8,64}$/.test(value) ? value : randomUUID();
}
