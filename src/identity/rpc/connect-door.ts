import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { DescMethodUnary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { hasHost, hasTarget } from "../../request-head.ts";
import type { Pipeline } from "./pipeline.ts";
import { SERVICES } from "./services.ts";

/** https://connectrpc.com/docs/protocol#error-codes: of `unavailable`. */
const UNAVAILABLE = 503;

/**
 * Stands before the adapter, which spends on a refusal half of what a login costs: what is refused in an
 * overload anyway is refused here, before anything is read of it. And the adapter throws outside of any
 * request, which ends the process, on a URL that does not parse.
 */
export function createConnectDoor(
  adapter: RequestListener,
  pipeline: Pipeline,
  /** What is answered to a call that is turned away. */
  overloaded: ConnectError,
): RequestListener {
  const refuse = createRefusal(overloaded);
  return (req, res) => {
    if (!hasHost(req) || !hasTarget(req)) {
      res.writeHead(400, { connection: "close" }).end();
      return;
    }
    const method = METHODS.get(pathOf(req));
    if (method && pipeline.turnsAway(method, "connect")) refuse(req, res);
    else adapter(req, res);
  };
}

const METHODS: ReadonlyMap<string, DescMethodUnary> = new Map(
  SERVICES.flatMap((service) =>
    service.methods.map((method) => [
      `/${service.typeName}/${method.name}`,
      method as DescMethodUnary,
    ]),
  ),
);

function pathOf({ url = "" }: IncomingMessage): string {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

/** In the words of the protocol that the call is in; always the same ones. */
function createRefusal(error: ConnectError) {
  const json = errorToJsonBytes(error, undefined);
  // Without a body the status goes into the headers: "Trailers-Only", in PROTOCOL-HTTP2.md of gRPC.
  const status = Object.fromEntries(setTrailerStatus(new Headers(), error));
  return ({ headers }: IncomingMessage, res: ServerResponse) => {
    const type = headers["content-type"] ?? "";
    if (type.startsWith("application/grpc-web")) {
      res.writeHead(200, { "content-type": type, ...status }).end();
    } else {
      const length = json.byteLength;
      res
        .writeHead(UNAVAILABLE, { "content-type": "application/json", "content-length": length })
        .end(json);
    }
  };
}
