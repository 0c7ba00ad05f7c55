import { afterEach, expect, test, vi } from "vitest";
import { ME, setUp } from "./support/simulated-taro";

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1];
const JPEG = [0xff, 0xd8, 0xff, 0xe0, 1];
const WEBP = [...Buffer.from("RIFF\x10\0\0\0WEBPVP8 ")];
const GIF = [...Buffer.from("GIF89a..........")];
const AVATAR = `${ME}/avatar`;

afterEach(() => {
  vi.restoreAllMocks();
});

async function loggedIn(env: "WEAPP" | "WEB" = "WEAPP") {
  const all = setUp({}, env);
  await all.identity.login();
  return all;
}

test("wx.request knows no PATCH, so a change goes as POST and says what it is", async () => {
  const { gateway, identity } = await loggedIn();
  expect(await identity.updateProfile({ nickname: "B" })).toMatchObject({
    nickname: "B",
    version: 2,
  });
  const sent = gateway.to(ME)[0];
  expect([sent?.method, sent?.header["x-http-method-override"], sent?.data]).toEqual([
    "POST",
    "PATCH",
    { nickname: "B" },
  ]);
});

test("a browser sends a PATCH", async () => {
  const { gateway, identity } = await loggedIn("WEB");
  await identity.updateProfile({ avatar: "" });
  const sent = gateway.to(ME)[0];
  expect([sent?.method, sent?.header["x-http-method-override"], sent?.data]).toEqual([
    "PATCH",
    undefined,
    { avatar: "" },
  ]);
});

test("a change names the version that it is meant for", async () => {
  const { gateway, identity } = await loggedIn();
  await identity.updateProfile({ nickname: "B", version: 1 });
  expect(gateway.to(ME)[0]).toMatchObject({
    header: { "if-match": '"1"' },
    data: { nickname: "B" },
  });
  await expect(identity.updateProfile({ nickname: "C", version: 1 })).rejects.toMatchObject({
    reason: "PROFILE_CONFLICT",
    status: 409,
  });
});

test.each([
  ["image/png", PNG],
  ["image/jpeg", JPEG],
  ["image/webp", WEBP],
])("an avatar is sent as it is, as %s", async (type, bytes) => {
  const { gateway, phone, identity } = await loggedIn();
  phone.files.set("wxfile://tmp/a", new Uint8Array(bytes).buffer);
  const { avatar } = await identity.uploadAvatar("wxfile://tmp/a");
  expect(avatar).toBe("https://id.example.com/avatars/a.webp");
  expect(gateway.to(AVATAR)[0]?.method).toBe("PUT");
  expect(gateway.avatars).toEqual([{ type, bytes }]);
});

test("an avatar is sent again after a refresh", async () => {
  const { gateway, phone, identity } = await loggedIn();
  phone.files.set("a", new Uint8Array(PNG).buffer);
  gateway.expireTokens();
  await identity.uploadAvatar("a");
  expect(gateway.avatars).toEqual([{ type: "image/png", bytes: PNG }]);
});

test.each([
  ["another format", new Uint8Array(GIF).buffer],
  ["an empty file", new ArrayBuffer(0)],
  ["a file as text", "text"],
  ["no file", undefined],
])("%s is no avatar, and nothing is sent", async (_, file) => {
  const { gateway, phone, identity } = await loggedIn();
  if (file !== undefined) phone.files.set("a", file);
  await expect(identity.uploadAvatar("a")).rejects.toMatchObject({
    reason: "AVATAR_INVALID",
    status: 0,
  });
  expect(gateway.count(AVATAR)).toBe(0);
});

test("a browser reads the file that was chosen", async () => {
  const { gateway, identity } = await loggedIn("WEB");
  const file = URL.createObjectURL(new Blob([new Uint8Array(PNG)]));
  await identity.uploadAvatar(file);
  await identity.uploadAvatar(`data:image/png;base64,${Buffer.from(PNG).toString("base64")}`);
  URL.revokeObjectURL(file);
  expect(gateway.avatars.map(({ bytes }) => bytes)).toEqual([PNG, PNG]);
  await expect(identity.uploadAvatar(file)).rejects.toMatchObject({ reason: "AVATAR_INVALID" });
});

test.each(["https://elsewhere.example/a.png", "/api/v1/users/me", "file:///a.png"])(
  "a browser does not fetch %s for an avatar",
  async (address) => {
    const { gateway, identity } = await loggedIn("WEB");
    const fetch = vi.spyOn(globalThis, "fetch");
    await expect(identity.uploadAvatar(address)).rejects.toMatchObject({
      reason: "AVATAR_INVALID",
    });
    expect(fetch).not.toHaveBeenCalled();
    expect(gateway.count(AVATAR)).toBe(0);
  },
);
