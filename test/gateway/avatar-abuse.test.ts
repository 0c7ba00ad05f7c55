import { once } from "node:events";
import { connect } from "node:net";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type AvatarService,
  avatarOf,
  type Person,
  pathOf,
  picture,
  startAvatarService,
} from "../support/avatars.ts";
import { until } from "../support/until.ts";

let avatars: AvatarService;
let person: Person;
let people = 0;
beforeAll(async () => {
  avatars = await startAvatarService();
  person = await avatars.logIn("abuser");
});
afterAll(() => avatars?.[Symbol.asyncDispose]());

const MIB = 1024 * 1024;
const png = await picture().png().toBuffer();
const jpeg = await picture(400, 300).jpeg().toBuffer();
const webp = await picture(400, 300).webp().toBuffer();

/** The same picture, said to be of so many pixels. */
function enlarged(image: Buffer, side: number): Buffer {
  const bytes = Buffer.from(image);
  bytes.writeUInt32BE(side, 16);
  bytes.writeUInt32BE(side, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

it.each<[string, Buffer | string]>([
  ["SVG", '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>1</script></svg>'],
  ["SVG after a declaration", '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'],
  ["HTML", "<!doctype html><script>alert(1)</script>"],
  [
    "a script that begins like a JPEG",
    Buffer.from("\xff\xd8\xff<script>alert(1)</script>", "latin1"),
  ],
  ["GIF", await picture().gif().toBuffer()],
  ["TIFF", await picture().tiff().toBuffer()],
  ["PDF", "%PDF-1.7\n1 0 obj"],
  ["nothing", ""],
  ["a name alone", png.subarray(0, 8)],
  ["WebP by name", Buffer.from("RIFF\x10\0\0\0WEBPVP8 nothing", "latin1")],
  ["a PNG cut short", png.subarray(0, png.length - 40)],
  ["a JPEG cut short", jpeg.subarray(0, jpeg.length >> 1)],
  ["a WebP cut short", webp.subarray(0, webp.length >> 1)],
  ["a PNG of 2.5 thousand million pixels", enlarged(png, 50_000)],
  ["a whole PNG of 42 million pixels", await picture(6_500, 6_500).png().toBuffer()],
  ["noise", Buffer.alloc(MIB, "noise")],
])("refuses %s", { timeout: 30_000 }, async (_name, body) => {
  // Of a person's 30 in an hour.
  const somebody = await avatars.logIn(`abuser-${people++}`);
  const before = avatars.stored();
  for (const type of ["image/png", "application/octet-stream"]) {
    const answer = await somebody.upload(body, { "content-type": type });
    expect(await answer.json()).toMatchObject({ code: 400, reason: "AVATAR_INVALID" });
  }
  expect(await somebody.avatar()).toBe("");
  expect(avatars.stored()).toEqual(before);
});

it("keeps nothing of what hangs behind or inside an image", async () => {
  const somebody = await avatars.logIn("polyglot");
  const script = "<script>alert('polyglot')</script>";
  for (const image of [
    Buffer.concat([jpeg, Buffer.from(script)]),
    Buffer.concat([png, Buffer.from(`PK\x03\x04${script}`)]),
    Buffer.concat([
      jpeg.subarray(0, 2),
      Buffer.from("\xff\xfe\0\x24", "latin1"),
      Buffer.from(script),
      jpeg.subarray(2),
    ]),
  ]) {
    const avatar = await avatarOf(await somebody.upload(image));
    const kept = await (await fetch(`${avatars.service.gateway}${pathOf(avatar)}`)).text();
    expect(kept).not.toContain("script");
  }
});

it.each([
  "text/html",
  "image/svg+xml",
  "image/gif",
  "application/json",
  "multipart/form-data; boundary=x",
])("refuses the type %s", async (type) => {
  const answer = await person.upload(png, { "content-type": type });
  expect(await answer.json()).toMatchObject({ code: 415, reason: "UNSUPPORTED_MEDIA_TYPE" });
});

it("refuses what is packed, and what is too large, whether or not it says so", async () => {
  expect((await person.upload(png, { "content-encoding": "gzip" })).status).toBe(415);
  const announced = await person.upload(Buffer.concat([png, Buffer.alloc(2 * MIB)]));
  expect(await announced.json()).toMatchObject({ code: 413, reason: "PAYLOAD_TOO_LARGE" });
  const chunks = [png, Buffer.alloc(2 * MIB)].map((chunk) => new Uint8Array(chunk));
  const answer = await fetch(`${avatars.service.gateway}/api/v1/users/me/avatar`, {
    method: "PUT",
    headers: { authorization: `Bearer ${person.token}` },
    body: ReadableStream.from(chunks),
    duplex: "half",
  });
  expect(await answer.json()).toMatchObject({ code: 413, reason: "PAYLOAD_TOO_LARGE" });
});

/** Announces an image and sends none of it: only who does not read it can answer. */
async function announce(authorization: string | undefined): Promise<string> {
  const { port, hostname } = new URL(avatars.service.gateway);
  const socket = connect(Number(port), hostname).setEncoding("utf8");
  const lines = ["PUT /api/v1/users/me/avatar HTTP/1.1", "Host: a", "Content-Length: 1000000"];
  if (authorization) lines.push(`Authorization: ${authorization}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  const [answer] = await once(socket, "data");
  socket.destroy();
  return String(answer);
}

it("judges the token before the image is read", async () => {
  const left = await avatars.logIn("left");
  await avatars.service.grpc.logout({}, { token: left.token });
  expect(await announce(undefined)).toMatch(/^HTTP\/1\.1 401 [\s\S]*"TOKEN_MISSING"/);
  expect(await announce("Bearer x.y.z")).toMatch(/^HTTP\/1\.1 401 [\s\S]*"TOKEN_INVALID"/);
  expect(await announce(`Bearer ${left.token}`)).toMatch(/^HTTP\/1\.1 401 [\s\S]*"TOKEN_REVOKED"/);
});

it("holds 32 images at once, and refuses the next", async () => {
  const { port, hostname } = new URL(avatars.service.gateway);
  const { logs } = avatars.service;
  await using opened = new AsyncDisposableStack();
  const slow = await Promise.all(["slow-1", "slow-2"].map((name) => avatars.logIn(name)));
  const begun = logs.filter(({ method }) => String(method).endsWith("GetProfile")).length;
  for (let number = 0; number < 32; number++) {
    const socket = opened.adopt(connect(Number(port), hostname), (it) => void it.destroy());
    const { token } = slow[number % 2] as Person;
    socket.write(
      `PUT /api/v1/users/me/avatar HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n` +
        "Content-Length: 1000000\r\n\r\n",
    );
  }
  await until(
    () => logs.filter(({ method }) => String(method).endsWith("GetProfile")).length >= begun + 32,
  );
  const refused = await person.upload(png);
  expect(await refused.json()).toMatchObject({ code: 503, reason: "OVERLOADED" });
  expect(refused.headers.get("retry-after")).toBe("1");
  await opened.disposeAsync();
  await until(async () => (await person.upload(png)).status === 200);
});
