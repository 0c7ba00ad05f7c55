import { once } from "node:events";
import { constants, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { createIdentityClient } from "../../src/client.ts";

/** A server that ends every call without an answer. */
async function startServer(end: (stream: ServerHttp2Stream) => void) {
  const streams: ServerHttp2Stream[] = [];
  const server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    streams.push(stream);
    end(stream);
  });
  server.on("session", (session) => session.on("error", () => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = createIdentityClient({
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    timeoutMs: 10_000,
  });
  const close = async () => {
    client.close();
    for (const { session } of streams) session?.destroy();
    server.close();
  };
  return { client, streams, [Symbol.asyncDispose]: close };
}

it.each([
  ["too many resets", constants.NGHTTP2_ENHANCE_YOUR_CALM],
  ["a fault of the server's", constants.NGHTTP2_INTERNAL_ERROR],
])("takes a connection that ends for %s for one that is lost", async (_name, code) => {
  await using served = await startServer((stream) => stream.close(code));
  await expect(served.client.getJwks({})).rejects.toMatchObject({ reason: "OVERLOADED" });
  expect(served.streams).toHaveLength(3);
  await expect(served.client.updateProfile({})).rejects.toMatchObject({ reason: "OVERLOADED" });
});
