import type { DescMethodUnary } from "@bufbuild/protobuf";
import { due, type Logger } from "../../log.ts";
import type { RpcMetrics } from "../../metrics.ts";
import type { IdentityError } from "../errors.ts";
import type { Call } from "./pipeline.ts";

/** How a call went. */
export interface Outcome {
  method: DescMethodUnary;
  call: Call;
  requestId: string;
  startedAt: number;
  error?: IdentityError;
}

/** Reasons that somebody here has to act on. */
const OPERATORS_BUSINESS = new Set(["INTERNAL", "UPSTREAM_BAD_RESPONSE"]);

/** Every login fails for it: once is enough to act on, the rest is in the metrics. */
const MISCONFIGURED_INTERVAL_MS = 60_000;

/** One log line and one observation for each call. */
export function createCallRecord({
  log,
  metrics,
}: {
  log: Logger;
  metrics: RpcMetrics;
}): (outcome: Outcome) => void {
  const misconfiguredIsDue = due(MISCONFIGURED_INTERVAL_MS);
  return (outcome) => {
    const { method, call, requestId, startedAt, error } = outcome;
    const seconds = (performance.now() - startedAt) / 1_000;
    const reason = error?.reason ?? "OK";
    metrics.calls.observe({ method: method.name, wire: call.wire, reason }, seconds);
    const line = {
      event: "call",
      method: method.name,
      wire: call.wire,
      requestId,
      reason,
      ms: Math.round(seconds * 1e5) / 100,
      ...(error?.cause === undefined ? {} : { err: error }),
    };
    const isLoud =
      error?.reason === "APP_MISCONFIGURED"
        ? misconfiguredIsDue()
        : error && OPERATORS_BUSINESS.has(error.reason);
    if (isLoud) log.error(line);
    else if (error?.cause !== undefined) log.warn(line);
    else log.info(line);
  };
}
