import type { Context } from "hono";
import type { GatewayEnv } from "./env.ts";
import { GatewayError } from "./errors.ts";

/** The body, of at most so many bytes; a longer one is refused with PAYLOAD_TOO_LARGE before it is held. */
export async function readBytes(c: Context<GatewayEnv>, maxBytes: number): Promise<Uint8Array> {
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

/** A packed body is never unpacked: a few bytes could become gigabytes. */
export function isPacked(c: Context<GatewayEnv>): boolean {
  return (c.req.header("content-encoding") ?? "identity").toLowerCase() !== "identity";
}
