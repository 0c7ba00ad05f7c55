import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { IdentityClient } from "../client.ts";
import type { GatewayConfig } from "../config-gateway.ts";
import type { Logger } from "../log.ts";
import type { HttpMetrics } from "../metrics.ts";
import type { Avatars } from "./avatars.ts";
import type { Door } from "./door.ts";
import type { GatewayEnv } from "./env.ts";
import { createErrorHandler, refuseMethod } from "./error-response.ts";
import { GatewayError } from "./errors.ts";
import type { RateLimit } from "./rate-limit.ts";
import { requestLog } from "./request-log.ts";
import { addAccountRoutes } from "./routes/account.ts";
import { addAuthRoutes } from "./routes/auth.ts";
import { addAvatarRoutes } from "./routes/avatars.ts";
import { addDocsRoutes } from "./routes/docs.ts";
import { addLoginSessionRoutes } from "./routes/login-sessions.ts";
import { addMetaRoutes } from "./routes/meta.ts";
import { addUserRoutes } from "./routes/users.ts";
import { refuseInvalid } from "./validation.ts";

/** What the gateway works with; whoever made it closes it. */
export interface GatewayDependencies {
  identity: IdentityClient;
  log: Logger;
  metrics: HttpMetrics;
  /** Refuses a login that is one too many of its client. */
  limitLogin: Limit;
  /** Refuses an upload that is one too many of its person. */
  limitAvatar: RateLimit;
  avatars: Avatars;
  /** Told which routes there are, and what came of each request. */
  door: Door;
  /** Serves more than the API. */
  extra?: ExtraRoutes;
}

/** Adds routes that stand beside the API. */
export type ExtraRoutes = (app: OpenAPIHono<GatewayEnv>) => void;

/** Rejects a request with RATE_LIMITED. */
export type Limit = (c: Context<GatewayEnv>) => Promise<void>;

/** The public HTTP API as a function from request to response. */
export function createApp(
  config: GatewayConfig,
  dependencies: GatewayDependencies,
): OpenAPIHono<GatewayEnv> {
  const app = new OpenAPIHono<GatewayEnv>({ defaultHook: refuseInvalid });
  app.use(requestLog(dependencies));
  app.onError(createErrorHandler(dependencies.log));
  addAuthRoutes(app, config, dependencies);
  addLoginSessionRoutes(app, config, dependencies);
  addUserRoutes(app, config, dependencies);
  addAccountRoutes(app, config, dependencies);
  addAvatarRoutes(app, config, dependencies);
  addMetaRoutes(app, config, dependencies);
  addDocsRoutes(app);
  dependencies.extra?.(app);
  const routes = app.routes.filter(({ path }) => !path.endsWith("*"));
  for (const { method, path } of routes) dependencies.door.serves(method, path);
  for (const [path, handlers] of Map.groupBy(routes, (route) => route.path)) {
    app.all(path, refuseMethod([...new Set(handlers.map(({ method }) => method))]));
  }
  // Not app.notFound, whose error would go past the middleware: this answer has its id and its log line too.
  app.all("*", () => {
    throw new GatewayError("ROUTE_NOT_FOUND");
  });
  return app;
}
