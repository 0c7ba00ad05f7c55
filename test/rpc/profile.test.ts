import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
let token: string;
let people = 0;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(async () => {
  const code = service.code(`person-${people++}`);
  const userInfo = { nickname: "阿明", avatarUrl: "https://img.example.com/1.png" };
  token = (await service.grpc.miniLogin({ code, userInfo })).accessToken;
});

const update = async (change: object) => {
  return (await service.grpc.updateProfile(change, { token })).user;
};
const read = async () => (await service.connect.getProfile({}, withToken())).user;
const withToken = () => ({ headers: { authorization: `Bearer ${token}` } });

it("changes what is named, keeps the rest, and counts the version", async () => {
  expect(await update({ nickname: "  小明  " })).toMatchObject({
    nickname: "小明",
    avatarUrl: "https://img.example.com/1.png",
    version: 2n,
  });
  const avatarUrl = "https://img.example.com/2.png";
  expect(await update({ avatarUrl })).toMatchObject({ nickname: "小明", avatarUrl, version: 3n });
  expect(await read()).toMatchObject({ nickname: "小明", avatarUrl, version: 3n });
});

it("clears what is empty", async () => {
  const cleared = await update({ nickname: "", avatarUrl: "" });
  expect(cleared).toMatchObject({ nickname: "微信用户", avatarUrl: "" });
});

it("never replaces a real value by WeChat's default", async () => {
  const grey =
    "https://mmbiz.qpic.cn/mmbiz/icTdbqWNOwNRna42FI242Lcia07jQodd2FJGIYQfG0LAJGFxM4FbnQP6yfMxBgJ0F3YRqJCJ1aPAK2dQagdusBZg/0";
  const kept = await update({ nickname: "微信用户", avatarUrl: grey });
  const real = { nickname: "阿明", avatarUrl: "https://img.example.com/1.png", version: 1n };
  expect(kept).toMatchObject(real);
});

it("saves nothing of a change that is refused in part", async () => {
  await expect(update({ nickname: "good", avatarUrl: "nonsense" })).rejects.toMatchObject({
    reason: "AVATAR_INVALID",
  });
  expect(await read()).toMatchObject({ nickname: "阿明", version: 1n });
});

it("takes the version that is expected, also for a change of nothing", async () => {
  expect(await update({ nickname: "a", expectedVersion: 1n })).toMatchObject({ version: 2n });
  expect(await update({ expectedVersion: 2n })).toMatchObject({ version: 2n });
  await expect(update({ expectedVersion: 1n })).rejects.toMatchObject({
    reason: "PROFILE_CONFLICT",
    field: "expected_version",
  });
});

it.each([0n, -1n, 2n ** 31n, 2n ** 62n])("refuses %s as a version", async (expectedVersion) => {
  await expect(update({ nickname: "a", expectedVersion })).rejects.toMatchObject({
    reason: "INVALID_FIELD",
    field: "expected_version",
  });
});

it("speaks at the gateway with ETag and If-Match", async () => {
  const url = `${service.gateway}/api/v1/users/me`;
  const { headers } = withToken();
  const present = await fetch(url, { headers });
  expect(present.headers.get("etag")).toBe('"1"');
  const change = (etag: string) =>
    fetch(url, {
      method: "PATCH",
      headers: { ...headers, "content-type": "application/json", "if-match": etag },
      body: JSON.stringify({ nickname: "n", avatar: "" }),
    });
  const changed = await change('"1"');
  expect(changed.headers.get("etag")).toBe('"2"');
  expect(await changed.json()).toMatchObject({ nickname: "n", avatar: "", phone: "", version: 2 });
  expect((await change('"1"')).status).toBe(409);
  expect(await (await fetch(url, { headers })).json()).toMatchObject({ nickname: "n", version: 2 });
});

it("takes a POST that says it is a PATCH, from clients without one, and no other", async () => {
  const url = `${service.gateway}/api/v1/users/me`;
  const post = (override: Record<string, string>, body: object, path = url) =>
    fetch(path, {
      method: "POST",
      headers: { ...withToken().headers, "content-type": "application/json", ...override },
      body: JSON.stringify(body),
    });
  const changed = await post(
    { "x-http-method-override": "patch", "if-match": '"1"' },
    { nickname: "小红" },
  );
  expect([changed.status, changed.headers.get("etag")]).toEqual([200, '"2"']);
  expect(await changed.json()).toMatchObject({ nickname: "小红", version: 2 });
  const stale = await post({ "X-HTTP-Method-Override": "PATCH", "if-match": '"1"' }, {});
  expect(await stale.json()).toMatchObject({ code: 409, reason: "PROFILE_CONFLICT" });
  for (const override of ["", "PUT", "DELETE", "PATCH, DELETE", undefined]) {
    const headers = override === undefined ? {} : { "x-http-method-override": override };
    const refused = await post(headers, { nickname: "nobody" });
    expect(await refused.json()).toMatchObject({ code: 405, reason: "METHOD_NOT_ALLOWED" });
    expect(refused.headers.get("allow")).toBe("GET, HEAD, PATCH");
  }
  // Of this route alone.
  const elsewhere = await post(
    { "x-http-method-override": "DELETE" },
    {},
    `${service.gateway}/api/v1/auth/sessions/5c1f0f0a-6f0e-4c1e-9a39-0b9f3d1c0a11`,
  );
  expect(elsewhere.status).toBe(405);
  expect(await read()).toMatchObject({ nickname: "小红", version: 2n });
});

it("does not change a user that was disabled meanwhile", async () => {
  const [row] = await service.sql`
    update users set disabled = true where id = (select max(id) from users) returning id`;
  await expect(update({ nickname: "late" })).rejects.toMatchObject({ reason: "USER_DISABLED" });
  const [stored] = await service.sql`select nickname from users where id = ${row?.id}`;
  expect(stored?.nickname).toBe("阿明");
});
