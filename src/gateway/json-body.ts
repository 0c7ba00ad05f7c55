import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./env.ts";
import { GatewayError } from "./errors.ts";
import { isPacked, readBytes } from "./read-bytes.ts";
import { isStrictJson } from "./strict-json.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the body within bounds, so that the route's schema sees nothing but strict JSON. */
export function jsonBody(maxBytes: number): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const type = c.req.header("content-type") ?? "";
    const isJson = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type);
    if (!isJson || isPacked(c)) throw new GatewayError("UNSUPPORTED_MEDIA_TYPE");
    const text = decode(await readBytes(c, maxBytes));
    if (text === undefined || !isStrictJson(text)) {
      throw new GatewayError("INVALID_FIELD", { field: "body" });
    }
    Object.assign(c.req.bodyCache, { text: Promise.resolve(text) });
    await next();
  };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
