import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

const TEXT = "/wxa/msg_sec_check";
const MEDIA = "/wxa/media_check_async";
const AVATAR = "https://img.example.com/1.png";

let service: TestService;
let token: string;
let people = 0;
beforeAll(async () => {
  // The check's own limit is what ends a silence, not that of every call to WeChat.
  service = await startService({ env: { WX_CONTENT_CHECK: "on" }, wechatTimeoutMs: 60_000 });
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(async () => {
  const code = service.code(`person-${people++}`);
  token = (await service.grpc.miniLogin({ code, userInfo: { nickname: "阿明" } })).accessToken;
});
afterEach(() => service.simulator.faults.clear());

const update = async (change: object) => (await service.grpc.updateProfile(change, { token })).user;
const read = async () => (await service.grpc.getProfile({}, { token })).user;
/** How often this came of a check. */
async function counted(kind: string, outcome: string): Promise<number> {
  const line = new RegExp(
    `^identity_content_checks_total\\{kind="${kind}",outcome="${outcome}"\\} (\\d+)$`,
    "m",
  );
  return Number(line.exec(await service.metrics.render())?.[1] ?? 0);
}

it("refuses a nickname that WeChat calls risky, and changes nothing of the profile", async () => {
  await expect(update({ nickname: "违规的名字", avatarUrl: AVATAR })).rejects.toMatchObject({
    reason: "NICKNAME_INVALID",
    field: "nickname",
    message: expect.stringContaining("risky content"),
  });
  expect(await read()).toMatchObject({ nickname: "阿明", avatarUrl: "", version: 1n });
  const answer = await fetch(`${service.gateway}/api/v1/users/me`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ nickname: "违规的名字" }),
  });
  expect(await answer.json()).toMatchObject({
    code: 400,
    reason: "NICKNAME_INVALID",
    message: expect.stringContaining("违规"),
  });
});

it("takes what passes, and what WeChat leaves to people", async () => {
  const [passed, review] = [await counted("nickname", "pass"), await counted("nickname", "review")];
  expect(await update({ nickname: "小明" })).toMatchObject({ nickname: "小明" });
  expect(await update({ nickname: "可疑的小明" })).toMatchObject({ nickname: "可疑的小明" });
  expect(await counted("nickname", "pass")).toBe(passed + 1);
  expect(await counted("nickname", "review")).toBe(review + 1);
});

it("does not ask about what is there already, or is cleared", async () => {
  service.simulator.faults.set({ path: TEXT, errcode: 87014 });
  expect(await update({ nickname: "阿明" })).toMatchObject({ nickname: "阿明" });
  expect(await update({ nickname: "" })).toMatchObject({ nickname: "微信用户" });
  // As the first version of the check says it.
  await expect(update({ nickname: "小红" })).rejects.toMatchObject({ reason: "NICKNAME_INVALID" });
});

it("hands an avatar in once the profile shows it, and notes under which id", async () => {
  await update({ avatarUrl: AVATAR });
  expect(service.simulator.lastMedia).toBe(AVATAR);
  expect(service.logs).toContainEqual(
    expect.objectContaining({
      event: "content check",
      kind: "avatar",
      outcome: "submitted",
      traceId: expect.stringMatching(/^[0-9a-f]{24}$/),
    }),
  );
  const submitted = await counted("avatar", "submitted");
  await update({ avatarUrl: AVATAR });
  await update({ avatarUrl: "" });
  expect(await counted("avatar", "submitted")).toBe(submitted);
});

it.each([
  ["is busy", { errcode: -1 }],
  ["has not seen the person for two hours", { errcode: 61010 }],
  ["has no more calls for us", { errcode: 45011 }],
  ["cuts the line", { cut: "before" as const }],
  ["does not answer in time", { latencyMs: 60_000 }],
  ["makes no sense", { reply: { status: 200, contentType: "text/html", body: "<p>busy</p>" } }],
])("lets changes through while WeChat %s", async (_what, fault) => {
  for (const path of [TEXT, MEDIA] as const) service.simulator.faults.set({ path, ...fault });
  const [texts, images] = [await counted("nickname", "failed"), await counted("avatar", "failed")];
  expect(await update({ nickname: "违规的名字", avatarUrl: AVATAR })).toMatchObject({
    nickname: "违规的名字",
    avatarUrl: AVATAR,
  });
  expect(await counted("nickname", "failed")).toBe(texts + 1);
  expect(await counted("avatar", "failed")).toBe(images + 1);
});

it("asks nothing where it is off, as it is by default", async () => {
  await using silent = await startService();
  const { accessToken } = await silent.grpc.miniLogin({ code: silent.code("alice") });
  const change = { nickname: "违规的名字", avatarUrl: AVATAR };
  const { user } = await silent.grpc.updateProfile(change, { token: accessToken });
  expect(user).toMatchObject(change);
  expect([silent.simulator.tokenCalls, silent.simulator.lastMedia]).toEqual([0, undefined]);
});
