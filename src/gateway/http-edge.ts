import type {
  IncomingMessage,
  OutgoingHttpHeaders,
  RequestListener,
  ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { due, type Logger } from "../log.ts";
import { hasHost, hasTarget } from "../request-head.ts";
import type { GatewayDependencies } from "./app.ts";
import { toErrorBody } from "./error-response.ts";
import { type GatewayReason, HTTP_STATUS } from "./errors.ts";
import { toRequestId } from "./request-log.ts";

/** The most headers a request may have. */
export const MAX_HEADERS = 64;

/** The requests turned away at the door are told by a line so often, and all by the metrics. */
const TURNED_AWAY_INTERVAL_MS = 1_000;

/**
 * Refuses what has no place in a URL or a header list before a Request is made of it, and what there is no
 * room for.
 */
export function checkedListener(
  handle: RequestListener,
  { log, metrics, door }: Pick<GatewayDependencies, "log" | "metrics" | "door">,
): RequestListener {
  const isDue = due(TURNED_AWAY_INTERVAL_MS);
  const turnAway = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const reason = "OVERLOADED";
    const { requestId, status } = answer(incoming, outgoing, {
      reason,
      headers: { "retry-after": "1" },
    });
    metrics.requests.observe({ route: "-", status, reason }, 0);
    const { method } = incoming;
    if (isDue()) log.warn({ event: "turned away", method, status, reason, requestId });
  };
  return (incoming, outgoing) => {
    if (incoming.rawHeaders.length > MAX_HEADERS * 2) {
      refuse(incoming, outgoing, log, "HEADERS_TOO_LARGE");
    } else if (!hasHost(incoming)) {
      refuse(incoming, outgoing, log, "INVALID_FIELD", "Host");
    } else if (!hasTarget(incoming)) {
      refuse(incoming, outgoing, log, "INVALID_FIELD", "URL");
    } else if (!door.admits(incoming, outgoing)) {
      turnAway(incoming, outgoing);
    } else {
      handle(incoming, outgoing);
    }
  };
}

/** Answers bytes that Node could not read as a request, and closes the connection. */
export function refuseUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const reason = UNPARSED[error.code ?? ""] ?? "INVALID_FIELD";
  const requestId = toRequestId(undefined);
  const body = JSON.stringify(toErrorBody(reason, { requestId }));
  const headers = { ...toHeaders(requestId, body), connection: "close" };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${HTTP_STATUS[reason]} Refused\r\n${head.join("\r\n")}\r\n\r\n${body}`);
}

const UNPARSED: Readonly<Record<string, GatewayReason>> = {
  HPE_HEADER_OVERFLOW: "HEADERS_TOO_LARGE",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "PAYLOAD_TOO_LARGE",
  ERR_HTTP_REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
};

/** Answers and closes the connection, whose bytes may be of any kind. */
function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  log: Logger,
  reason: GatewayReason,
  field?: string,
): void {
  const { requestId, status } = answer(incoming, outgoing, {
    reason,
    field,
    headers: { connection: "close" },
  });
  const method = incoming.method;
  log.info({ event: "request", method, path: "-", status, reason, ms: 0, requestId });
}

interface Refusal {
  reason: GatewayReason;
  field?: string | undefined;
  headers?: OutgoingHttpHeaders;
}

function answer(
  { headers }: IncomingMessage,
  outgoing: ServerResponse,
  { reason, field, headers: more }: Refusal,
) {
  const requestId = toRequestId([headers["x-request-id"]].flat()[0]);
  const acceptLanguage = headers["accept-language"];
  const body = JSON.stringify(toErrorBody(reason, { requestId, acceptLanguage, field }));
  const status = HTTP_STATUS[reason];
  outgoing.writeHead(status, { ...toHeaders(requestId, body), ...more }).end(body);
  return { requestId, status };
}

function toHeaders(requestId: string, body: string): Record<string, string | number> {
  return {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-request-id": requestId,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  };
}
