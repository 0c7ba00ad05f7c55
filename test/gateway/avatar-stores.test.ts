import { writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, it } from "vitest";
import { avatarOf, pathOf, picture, startAvatarService } from "../support/avatars.ts";
import { startS3Server } from "../support/s3-server.ts";

const png = await picture().png().toBuffer();

const UNAVAILABLE = { code: 503, reason: "STORAGE_UNAVAILABLE" };

it("keeps avatars in a bucket, signed, and serves them from there", async () => {
  await using s3 = await startS3Server();
  await using avatars = await startAvatarService(s3.env);
  const person = await avatars.logIn("of-s3");
  const avatar = await avatarOf(await person.upload(png));
  const key = `/avatars-of-tests${pathOf(avatar)}`;
  expect(s3.objects.get(key)?.contentType).toBe("image/webp");
  const { width } = await sharp(s3.objects.get(key)?.bytes).metadata();
  expect(width).toBe(512);
  const answer = await fetch(`${avatars.service.gateway}${pathOf(avatar)}`);
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(s3.objects.get(key)?.bytes);
  const next = await avatarOf(await person.upload(png));
  expect([...s3.objects.keys()]).toEqual([`/avatars-of-tests${pathOf(next)}`]);
  const gone = await fetch(`${avatars.service.gateway}${pathOf(avatar)}`);
  expect(await gone.json()).toMatchObject({ code: 404 });
  expect(avatars.stored()).toEqual([]);
});

it("changes no profile while the bucket is away, refuses us, or is silent", {
  timeout: 30_000,
}, async () => {
  await using s3 = await startS3Server();
  await using avatars = await startAvatarService(s3.env);
  const person = await avatars.logIn("of-s3");
  const avatar = await avatarOf(await person.upload(png));
  const fails = async () => {
    const answer = await person.upload(png);
    expect(await answer.json()).toMatchObject(UNAVAILABLE);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await person.avatar()).toBe(avatar);
    const shown = await fetch(`${avatars.service.gateway}${pathOf(avatar)}`);
    expect(await shown.json()).toMatchObject(UNAVAILABLE);
  };
  for (const status of [403, 500, 301]) {
    s3.fault.status = status;
    await fails();
  }
  delete s3.fault.status;
  s3.fault.isSilent = true;
  await fails();
  await s3[Symbol.asyncDispose]();
  await fails();
  expect(JSON.stringify(avatars.service.logs)).toContain('"event":"avatar store"');
  expect(JSON.stringify(avatars.service.logs)).not.toContain(s3.env.AVATAR_S3_SECRET_ACCESS_KEY);
});

it("is refused by a bucket whose secret is another", async () => {
  await using s3 = await startS3Server();
  const env = { ...s3.env, AVATAR_S3_SECRET_ACCESS_KEY: "another" };
  await using avatars = await startAvatarService(env);
  const answer = await (await avatars.logIn("of-s3")).upload(png);
  expect(await answer.json()).toMatchObject(UNAVAILABLE);
  expect(s3.requests).toHaveLength(1);
});

it("changes no profile while the disk takes nothing", async () => {
  await using avatars = await startAvatarService();
  const person = await avatars.logIn("of-disk");
  writeFileSync(join(avatars.dir, "avatars"), "in the way");
  const answer = await person.upload(png);
  expect(await answer.json()).toMatchObject(UNAVAILABLE);
  expect(await person.avatar()).toBe("");
});
