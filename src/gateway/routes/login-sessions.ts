import { timestampDate } from "@bufbuild/protobuf/wkt";
import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { GatewayConfig } from "../../config-gateway.ts";
import type { LoginSession } from "../../gen/identity/v1/identity_service_pb.js";
import type { GatewayDependencies } from "../app.ts";
import { bearerToken } from "../bearer-token.ts";
import { BEARER, repliesWith, repliesWithNothing } from "../describe.ts";
import { callOptions, type GatewayEnv } from "../env.ts";
import { LoginSessionParams, LoginSessions } from "../schemas.ts";

/** A person's own logins: which there are, and ending them. */
export function addLoginSessionRoutes(
  app: OpenAPIHono<GatewayEnv>,
  config: GatewayConfig,
  { identity }: GatewayDependencies,
): void {
  const common = { tags: ["auth"], security: [{ [BEARER]: [] }] };
  const logout = createRoute({
    ...common,
    middleware: [bearerToken] as const,
    method: "post",
    path: "/api/v1/auth/logout",
    summary: "End this login",
    responses: repliesWithNothing("Logged out"),
  });
  const list = createRoute({
    ...common,
    middleware: [bearerToken] as const,
    method: "get",
    path: "/api/v1/auth/sessions",
    summary: "One's own logins that have not ended",
    responses: repliesWith("The logins, the latest first, at most 100", LoginSessions),
  });
  const revoke = createRoute({
    ...common,
    middleware: [bearerToken] as const,
    method: "delete",
    path: "/api/v1/auth/sessions/{id}",
    summary: "End one of one's own logins",
    request: { params: LoginSessionParams },
    responses: repliesWithNothing("Ended"),
  });
  app.openapi(logout, async (c) => {
    await identity.logout({}, callOptions(c, config));
    return c.body(null, 204);
  });
  app.openapi(list, async (c) => {
    const { sessions } = await identity.listSessions({}, callOptions(c, config));
    return c.json({ sessions: sessions.map(toBody) }, 200);
  });
  app.openapi(revoke, async (c) => {
    await identity.revokeSession({ sessionId: c.req.valid("param").id }, callOptions(c, config));
    return c.body(null, 204);
  });
}

function toBody({ id, appId, device, createdAt, lastUsedAt, current }: LoginSession) {
  if (!createdAt || !lastUsedAt) throw new Error("identity answered without the times");
  const times = {
    createdAt: timestampDate(createdAt).toISOString(),
    lastUsedAt: timestampDate(lastUsedAt).toISOString(),
  };
  return { id, appId, device, ...times, current };
}
