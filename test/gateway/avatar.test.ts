import sharp from "sharp";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type AvatarService,
  avatarOf,
  BASE_URL,
  pathOf,
  picture,
  startAvatarService,
} from "../support/avatars.ts";
import { until } from "../support/until.ts";

let avatars: AvatarService;
beforeAll(async () => {
  avatars = await startAvatarService();
});
afterAll(() => avatars?.[Symbol.asyncDispose]());

const get = (path: string, method = "GET") =>
  fetch(`${avatars.service.gateway}${path}`, { method });
const imageAt = async (avatarUrl: string) =>
  Buffer.from(await (await get(pathOf(avatarUrl))).arrayBuffer());

it.each(["png", "jpeg", "webp"] as const)(
  "makes a %s the avatar, square and WebP",
  async (format) => {
    const person = await avatars.logIn(`of-${format}`);
    const response = await person.upload(await picture().toFormat(format).toBuffer(), {
      "content-type": `image/${format}`,
    });
    expect(response.status).toBe(200);
    const avatar = await avatarOf(response);
    expect(avatar).toMatch(/^http:\/\/avatars\.test:8080\/avatars\/[0-9a-f]{64}\.webp$/);
    expect(await person.avatar()).toBe(avatar);
    const { width, height, format: made } = await sharp(await imageAt(avatar)).metadata();
    expect([width, height, made]).toEqual([512, 512, "webp"]);
  },
);

it("serves it to everybody, to be kept, and as nothing but an image", async () => {
  const avatar = await avatarOf(
    await (await avatars.logIn("served")).upload(await picture().png().toBuffer()),
  );
  for (const method of ["GET", "HEAD"]) {
    const answer = await get(pathOf(avatar), method);
    const { byteLength } = await answer.arrayBuffer();
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "content-type": "image/webp",
      "cache-control": "public, max-age=31536000, immutable",
      "content-security-policy": "default-src 'none'; sandbox",
      "x-content-type-options": "nosniff",
    });
    const length = Number(answer.headers.get("content-length"));
    expect(byteLength).toBe(method === "GET" ? length : 0);
    expect(length).toBeGreaterThan(100);
  }
  expect((await get(pathOf(avatar), "DELETE")).status).toBe(405);
});

it.each([
  "/avatars/",
  `/avatars/${"0".repeat(64)}.webp`,
  `/avatars/${"0".repeat(64)}`,
  `/avatars/${"0".repeat(64)}.tmp`,
  `/avatars/${"0".repeat(63)}G.webp`,
  "/avatars/..%2f..%2fpackage.json",
  "/avatars/%2e%2e%2fmaster-key.webp",
  `/avatars/${"0".repeat(64)}.webp%00.png`,
])("has nothing at %s", async (path) => {
  const answer = await get(path);
  expect(await answer.json()).toMatchObject({ code: 404, reason: "ROUTE_NOT_FOUND" });
  expect(answer.headers.get("cache-control")).toBe("no-store");
});

it("keeps nothing but the pixels, and those upright", async () => {
  const person = await avatars.logIn("traveller");
  const top = await picture(60, 30, "#ffffff").png().toBuffer();
  const photo = await picture(60, 60, "#000000")
    .composite([{ input: top, top: 0, left: 0 }])
    // To be turned by 90° clockwise: what is at the top belongs to the right.
    .withExif({
      IFD0: { Artist: "somebody-known", Orientation: "6" },
      IFD3: { GPSLatitude: "39/1 54/1 0/1", GPSLatitudeRef: "N" },
    })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const before = await sharp(photo).metadata();
  expect([before.orientation, before.exif?.includes("somebody-known")]).toEqual([6, true]);
  const image = await imageAt(await avatarOf(await person.upload(photo)));
  const { exif, icc, xmp, iptc, orientation } = await sharp(image).metadata();
  expect({ exif, icc, xmp, iptc, orientation }).toEqual({});
  const { data, info } = await sharp(image).greyscale().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => data[(y * 512 + x) * info.channels] ?? -1;
  expect([at(480, 30) > 200, at(480, 480) > 200, at(30, 30) < 50, at(30, 480) < 50]).toEqual(
    Array(4).fill(true),
  );
});

it("removes what was uploaded before, and what is cleared", async () => {
  const person = await avatars.logIn("changing");
  const first = await avatarOf(await person.upload(await picture().png().toBuffer()));
  const second = await avatarOf(await person.upload(await picture().png().toBuffer()));
  expect([second === first, (await get(pathOf(first))).status]).toEqual([false, 404]);
  expect((await get(pathOf(second))).status).toBe(200);
  const patch = (avatar: string) =>
    fetch(`${avatars.service.gateway}/api/v1/users/me`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${person.token}`, "content-type": "application/json" },
      body: JSON.stringify({ avatar }),
    });
  // Who sends the profile back as it is loses nothing.
  expect((await patch(second)).status).toBe(200);
  expect((await get(pathOf(second))).status).toBe(200);
  expect((await patch("")).status).toBe(200);
  expect((await get(pathOf(second))).status).toBe(404);
});

it("never removes another person's, whose address anybody may write into their profile", async () => {
  const victim = await avatars.logIn("victim");
  const theirs = await avatarOf(await victim.upload(await picture().png().toBuffer()));
  const thief = await avatars.logIn("thief");
  await avatars.service.grpc.updateProfile({ avatarUrl: theirs }, { token: thief.token });
  expect(await thief.avatar()).toBe(theirs);
  expect((await thief.upload(await picture().png().toBuffer())).status).toBe(200);
  expect((await get(pathOf(theirs))).status).toBe(200);
});

it("is the only http address that a profile takes", async () => {
  const { token } = await avatars.logIn("inventive");
  const name = "0".repeat(64);
  for (const avatarUrl of [
    `${BASE_URL}/avatars/${name}.webp?x`,
    `${BASE_URL}/avatars/${name}.webp/../../x`,
    `${BASE_URL}/other/avatars/${name}.webp`,
    `${BASE_URL}/avatars/x/avatars/${name}.webp`,
    `${BASE_URL}.evil.test/avatars/${name}.webp`,
    `${BASE_URL}/avatars/short.webp`,
  ]) {
    const change = avatars.service.grpc.updateProfile({ avatarUrl }, { token });
    await expect(change, avatarUrl).rejects.toMatchObject({ reason: "AVATAR_INVALID" });
  }
});

it("leaves nothing behind when the profile is not changed after all", async () => {
  const person = await avatars.logIn("disabled");
  const before = avatars.stored();
  const image = await picture().png().toBuffer();
  const { service } = avatars;
  const calls = () => service.logs.filter(({ method }) => String(method).endsWith("GetProfile"));
  const asked = calls().length;
  let send: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      send = controller;
    },
  });
  const answer = fetch(`${service.gateway}/api/v1/users/me/avatar`, {
    method: "PUT",
    headers: { authorization: `Bearer ${person.token}` },
    body,
    duplex: "half",
  });
  send?.enqueue(new Uint8Array(image.subarray(0, 8)));
  await until(() => calls().length > asked);
  await service.sql`update users set disabled = true where id = (select max(id) from users)`;
  send?.enqueue(new Uint8Array(image.subarray(8)));
  send?.close();
  expect(await (await answer).json()).toMatchObject({ code: 403, reason: "USER_DISABLED" });
  expect(avatars.stored()).toEqual(before);
});

it("takes 30 of one person in an hour", async () => {
  const person = await avatars.logIn("eager");
  const image = await picture(1, 1).png().toBuffer();
  const statuses = [];
  for (let number = 0; number < 31; number++) statuses.push((await person.upload(image)).status);
  expect(statuses).toEqual([...Array(30).fill(200), 429]);
  const refused = await person.upload(image);
  expect(await refused.json()).toMatchObject({ reason: "RATE_LIMITED" });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await (await avatars.logIn("calm")).upload(image)).status).toBe(200);
});
