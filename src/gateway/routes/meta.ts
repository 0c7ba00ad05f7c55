import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { GatewayConfig } from "../../config-gateway.ts";
import type { GatewayDependencies } from "../app.ts";
import { BEARER, repliesWith } from "../describe.ts";
import { callOptions, type GatewayEnv } from "../env.ts";
import { Jwks } from "../schemas.ts";

const jwks = createRoute({
  method: "get",
  path: "/.well-known/jwks.json",
  summary: "The keys that access tokens are verified with",
  tags: ["keys"],
  responses: repliesWith("The keys in use", Jwks),
});

/** What other services and people need to work with the API: its keys and its description. */
export function addMetaRoutes(
  app: OpenAPIHono<GatewayEnv>,
  config: GatewayConfig,
  { identity }: GatewayDependencies,
): void {
  app.openapi(jwks, async (c) => {
    const reply = await identity.getJwks({}, callOptions(c, config));
    const keys = reply.keys.map(({ kty, crv, x, y, kid, alg, use }) => {
      return { kty, crv, x, y, kid, alg, use };
    });
    return c.json({ keys }, 200, { "cache-control": "public, max-age=300" });
  });
  app.openAPIRegistry.registerComponent("securitySchemes", BEARER, {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
  });
  let document: ReturnType<typeof app.getOpenAPI31Document> | undefined;
  app.get("/openapi.json", (c) => {
    document ??= app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: { title: "Identity of mini programs", version: "1" },
    });
    return c.json(document);
  });
}
