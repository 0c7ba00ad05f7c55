import { randomUUID } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { failed, traced } from "../tracing.ts";
import type { GatewayDependencies } from "./app.ts";
import type { GatewayEnv } from "./env.ts";

/** The caller's id of the request where it is harmless in a log, else a new one. */
export function toRequestId(header: string | undefined): string {
  return header && /^[A-Za-z0-9._-]{8,64}$/.test(header) ? header : randomUUID();
}

/** Gives each request its id, each answer its common headers, and the log one line; tells what came of it. */
export function requestLog({
  log,
  metrics: { requests },
  door,
}: Pick<GatewayDependencies, "log" | "metrics" | "door">): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const startedMs = performance.now();
    const requestId = toRequestId(c.req.header("x-request-id"));
    c.set("requestId", requestId);
    const { method } = c.req;
    const attributes = { "http.request.method": method, "request.id": requestId };
    const traceparent = c.req.header("traceparent");
    const start = { name: method, kind: "server", attributes, traceparent } as const;
    const { path, reason } = await traced(start, async (span) => {
      await next();
      const path = routeOf(c);
      const reason = c.get("reason");
      span.updateName(`${method} ${path}`);
      span.setAttributes({ "http.route": path, "http.response.status_code": c.res.status });
      if (reason) failed(span, reason);
      return { path, reason };
    });
    const { headers, status } = c.res;
    headers.set("x-request-id", requestId);
    headers.set("x-content-type-options", "nosniff");
    if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
    const elapsedMs = performance.now() - startedMs;
    requests.observe({ route: path, status, reason: reason ?? "OK" }, elapsedMs / 1_000);
    door.done(method, path, reason === "OVERLOADED");
    const ms = Math.round(elapsedMs * 10) / 10;
    const why = reason ? { reason } : {};
    log.info({ event: "request", method, path, status, ...why, ms, requestId });
  };
}

/** The pattern: a path or a query can hold anything, also a secret sent by mistake. */
function routeOf(c: Context): string {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith("*"))?.path ?? "-";
}
