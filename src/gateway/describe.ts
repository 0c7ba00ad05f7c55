import { z } from "@hono/zod-openapi";
import { HTTP_STATUS } from "./errors.ts";

/** How the OpenAPI document describes an error. */
const ErrorSchema = z
  .object({
    code: z.int().openapi({ description: "The HTTP status" }),
    reason: z.enum(Object.keys(HTTP_STATUS) as [string, ...string[]]),
    message: z.string().openapi({ description: "For people; zh-CN, or en by Accept-Language" }),
    requestId: z.string(),
  })
  .openapi("Error");

/** How the OpenAPI document names the access token. */
export const BEARER = "accessToken";

const FAILED = {
  default: {
    description: "Refused or failed",
    content: { "application/json": { schema: ErrorSchema } },
  },
} as const;

/** The answers of a route: this one, or an error. */
export function repliesWith<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { 200: { description, content: { "application/json": { schema } } }, ...FAILED } as const;
}

/** The answers of a route that begins something: 202, or an error. */
export function acceptsWith<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { 202: { description, content: { "application/json": { schema } } }, ...FAILED } as const;
}

/** The answers of a route that has nothing to say: 204, or an error. */
export function repliesWithNothing(description: string) {
  return { 204: { description }, ...FAILED } as const;
}

/** A JSON body, always there. */
export function jsonOf<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { "application/json": { schema } } } as const;
}
