import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "../log.ts";
import { hasHost, hasTarget } from "../request-head.ts";
import { toErrorBody } from "./error-response.ts";
import { type GatewayReason, HTTP_STATUS } from "./errors.ts";
import { toRequestId } from "./request-log.ts";

/** The most headers a request may have. */
export const MAX_HEADERS = 64;

/** Refuses what has no place in a URL or a header list before a Request is made of it. */
export function checkedListener(handle: RequestListener, log: Logger): RequestListener {
  return (incoming, outgoing) => {
    if (incoming.rawHeaders.length > MAX_HEADERS * 2) {
      refuse(incoming, outgoing, log, "HEADERS_TOO_LARGE");
    } else if (!hasHost(incoming)) {
      refuse(incoming, outgoing, log, "INVALID_FIELD", "Host");
    } else if (!hasTarget(incoming)) {
      refuse(incoming, outgoing, log, "INVALID_FIELD", "URL");
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
  const head = Object.entries(toHeaders(requestId, body)).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.end(`HTTP/1.1 ${HTTP_STATUS[reason]} Refused\r\n${head.join("\r\n")}\r\n\r\n${body}`);
}

const UNPARSED: Readonly<Record<string, GatewayReason>> = {
  HPE_HEADER_OVERFLOW: "HEADERS_TOO_LARGE",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "PAYLOAD_TOO_LARGE",
  ERR_HTTP_REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
};

function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  log: Logger,
  reason: GatewayReason,
  field?: string,
): void {
  const requestId = toRequestId([incoming.headers["x-request-id"]].flat()[0]);
  const acceptLanguage = incoming.headers["accept-language"];
  const body = JSON.stringify(toErrorBody(reason, { requestId, acceptLanguage, field }));
  const status = HTTP_STATUS[reason];
  outgoing.writeHead(status, toHeaders(requestId, body)).end(body);
  const method = incoming.method;
  log.info({ event: "request", method, path: "-", status, reason, ms: 0, requestId });
}

function toHeaders(requestId: string, body: string): Record<string, string | number> {
  return {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-request-id": requestId,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    connection: "close",
  };
}
