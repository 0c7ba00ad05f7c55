import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./env.ts";
import { refuseMethod } from "./error-response.ts";

/** Without the header nothing is posted here: what the others are allowed. */
const refuse = refuseMethod(["GET", "PATCH"]);

/** Lets a POST in that says it is a PATCH; any other is refused like a method that the path does not have. */
export const patchInPost: MiddlewareHandler<GatewayEnv> = (c, next) => {
  const method = c.req.header("x-http-method-override");
  return method?.toUpperCase() === "PATCH" ? next() : refuse(c, next);
};
