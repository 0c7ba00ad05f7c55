import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

const REGION = "eu-test-1";
const BUCKET = "avatars-of-tests";
const ACCESS_KEY_ID = "AKIDTEST";
const SECRET = "the+secret/of=the-tests";

/** An S3 store at the wire: one bucket, and only what is signed by its one key (Signature Version 4). */
export interface S3Server extends AsyncDisposable {
  /** The settings to reach it. */
  env: Record<`AVATAR_S3_${string}`, string>;
  objects: Map<string, { bytes: Buffer; contentType: string | undefined }>;
  /** Answers so many requests with this status, or with silence. */
  fault: { status?: number; isSilent?: boolean };
  requests: string[];
}

export async function startS3Server(): Promise<S3Server> {
  const objects: S3Server["objects"] = new Map();
  const fault: S3Server["fault"] = {};
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const { method = "", url = "" } = request;
    requests.push(`${method} ${url}`);
    if (fault.isSilent) return;
    const answer = (status: number, bytes?: Buffer) => void response.writeHead(status).end(bytes);
    if (fault.status) return answer(fault.status, Buffer.from("<Error/>"));
    if (!isSigned(request, body)) return answer(403);
    const object = objects.get(url);
    if (method === "PUT") {
      objects.set(url, { bytes: body, contentType: request.headers["content-type"] });
      return answer(200);
    }
    if (method === "DELETE") return answer(objects.delete(url) ? 204 : 404);
    return object ? answer(200, object.bytes) : answer(404, Buffer.from("<Error/>"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const env = {
    AVATAR_S3_ENDPOINT: `http://127.0.0.1:${port}`,
    AVATAR_S3_BUCKET: BUCKET,
    AVATAR_S3_REGION: REGION,
    AVATAR_S3_ACCESS_KEY_ID: ACCESS_KEY_ID,
    AVATAR_S3_SECRET_ACCESS_KEY: SECRET,
  };
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { env, objects, fault, requests, [Symbol.asyncDispose]: close };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
function isSigned({ headers, method, url }: IncomingMessage, body: Buffer): boolean {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? "",
    );
  const [, keyId, day = "", region, names = "", signature = ""] = match ?? [];
  const hash = headers["x-amz-content-sha256"];
  const isOurs = keyId === ACCESS_KEY_ID && region === REGION && url?.startsWith(`/${BUCKET}/`);
  if (!isOurs || hash !== sha256(body)) return false;
  if (
    !["host", "x-amz-date", "x-amz-content-sha256"].every((it) => names.split(";").includes(it))
  ) {
    return false;
  }
  const lines = names.split(";").map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, url, "", lines.join(""), names, hash].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = [day, REGION, "s3", "aws4_request"].reduce<Buffer>(
    hmac,
    Buffer.from(`AWS4${SECRET}`),
  );
  return timingSafeEqual(hmac(key, toSign), Buffer.from(signature, "hex"));
}

function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
