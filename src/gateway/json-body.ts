import type { Context, MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./env.ts";
import { GatewayError } from "./errors.ts";
import { isStrictJson } from "./strict-json.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the body within bounds, so that the route's schema sees nothing but strict JSON. */
export function jsonBody(maxBytes: number): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const type = c.req.header("content-type") ?? "";
    const isJson = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type);
    const encoding = c.req.header("content-encoding") ?? "identity";
    // Never unpacked: a few bytes could become gigabytes.
    if (!isJson || encoding.toLowerCase() !== "identity") {
      throw new GatewayError("UNSUPPORTED_MEDIA_TYPE");
    }
    const text = decode(await readBytes(c, maxBytes));
    if (text === undefined || !isStrictJson(text)) {
      throw new GatewayError("INVALID_FIELD", { field: "body" });
    }
    Object.assign(c.req.bodyCache, { text: Promise.resolve(text) });
    await next();
  };
}

async function readBytes(c: Context<GatewayEnv>, maxBytes: number): Promise<Uint8Array> {
  const announced = c.req.header("content-length");
  if (announced !== undefined && Number(announced) > maxBytes) {
    throw new GatewayError("PAYLOAD_TOO_LARGE");
  }
  // Node holds the client to the length announced, and reading it whole is the faster way.
  if (announced !== undefined && !c.req.header("transfer-encoding")) {
    return new Uint8Array(await c.req.raw.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of c.req.raw.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) throw new GatewayError("PAYLOAD_TOO_LARGE");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
