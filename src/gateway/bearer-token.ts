import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./env.ts";
import { GatewayError } from "./errors.ts";

/** Identity refuses longer ones; here they would not fit into the call's metadata either. */
const MAX_TOKEN_LENGTH = 4_096;

/** Takes the token out of `Authorization: Bearer …` (RFC 6750, section 2.1). */
export const bearerToken: MiddlewareHandler<GatewayEnv> = async (c, next) => {
  const header = c.req.header("authorization");
  if (header === undefined) throw new GatewayError("TOKEN_MISSING");
  // Two headers arrive joined by a comma, which no token holds.
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1];
  if (!token || token.length > MAX_TOKEN_LENGTH) throw new GatewayError("TOKEN_INVALID");
  c.set("token", token);
  await next();
};
