import { createHash } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";
import { Agent, type Dispatcher, request } from "undici";
import type { S3Config } from "../config-avatars.ts";
import type { AvatarStore } from "./avatar-store.ts";

/** For one request, from the connection to the last byte. */
const TIMEOUT_MS = 3_000;
const CONNECTIONS = 16;

/** Far more than an avatar has. */
const MAX_AVATAR_BYTES = 2 * 1024 * 1024;

interface Sent {
  method: "GET" | "PUT" | "DELETE";
  name: string;
  body?: Uint8Array;
}

/** Avatars as objects `avatars/NAME.webp` of a bucket; requests are signed (AWS Signature Version 4). */
export function createS3Store({ endpoint, bucket, ...signer }: S3Config): AvatarStore {
  const agent = new Agent({ connections: CONNECTIONS, connect: { timeout: TIMEOUT_MS } });
  const isVirtualHosted = new URL(endpoint).hostname.startsWith(`${bucket}.`);
  const base = isVirtualHosted ? endpoint : `${endpoint}/${bucket}`;
  const send = async ({ method, name, body }: Sent): Promise<Dispatcher.ResponseData> => {
    const signed = await new AwsV4Signer({
      ...signer,
      service: "s3",
      method,
      url: `${base}/avatars/${name}.webp`,
      headers: {
        "x-amz-content-sha256": createHash("sha256")
          .update(body ?? "")
          .digest("hex"),
        ...(body ? OBJECT_HEADERS : {}),
      },
      ...(body ? { body } : {}),
    }).sign();
    return request(signed.url, {
      dispatcher: agent,
      method,
      headers: Object.fromEntries(signed.headers),
      body: body ?? null,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  };
  return {
    put: async (name, image) => {
      await finish(await send({ method: "PUT", name, body: image }), [200, 201, 204]);
    },
    get: async (name) => {
      const answer = await send({ method: "GET", name });
      if (answer.statusCode === 200) return readBounded(answer.body);
      await finish(answer, [404]);
      return undefined;
    },
    remove: async (name) => {
      await finish(await send({ method: "DELETE", name }), [200, 204, 404]);
    },
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

const OBJECT_HEADERS = {
  "content-type": "image/webp",
  "cache-control": "public, max-age=31536000, immutable",
};

/** What the store has to say beyond the status is thrown away. */
async function finish({ statusCode, body }: Dispatcher.ResponseData, expected: number[]) {
  await body.dump({ limit: MAX_AVATAR_BYTES });
  if (!expected.includes(statusCode)) throw new Error(`the S3 store answered ${statusCode}`);
}

async function readBounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > MAX_AVATAR_BYTES) throw new Error("the S3 store sent no avatar of ours");
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
