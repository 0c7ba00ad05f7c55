import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { createPng } from "../support/png.ts";
import { type Service, startService } from "../support/service.ts";
import { type MiniProgram, openMiniProgram } from "./mini-program.ts";

const folder = mkdtempSync(join(tmpdir(), "mini-identity-weapp-"));
let service: Service;
beforeAll(async () => {
  service = await startService();
});
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const open = (person: string) =>
  openMiniProgram({
    appId: "wx0123456789abcdef",
    serviceUrl: service.url,
    loginCode: () => service.loginCode(person),
  });

/** For a busy machine. */
const WAIT = { timeout: 30_000, interval: 20 };

const shows = (app: MiniProgram, text: string) =>
  vi
    .waitUntil(() => app.text.includes(text), WAIT)
    .catch(() => {
      throw new Error(`${app.route} does not show ${text}, but\n${app.text}`);
    });
const at = (app: MiniProgram, route: string) => vi.waitUntil(() => app.route === route, WAIT);

it("registers somebody new, asks for consent, and takes picture and name", async () => {
  const app = open("小红");
  await shows(app, "微信一键登录");
  expect(app.text).not.toContain("演示");
  app.send("login");
  await shows(app, "正在登录");
  await at(app, "pages/profile/index");
  expect(app.toasts).toEqual(["注册成功"]);
  await shows(app, "跳过");

  const consent = app.askConsent();
  await shows(app, "隐私保护");
  app.send("privacy-agree", "agreeprivacyauthorization");
  expect(await consent).toBe("agree");
  await vi.waitUntil(() => !app.text.includes("隐私保护"), WAIT);

  const avatarUrl = join(folder, "me.png");
  writeFileSync(avatarUrl, createPng(64, [224, 122, 95]));
  app.send("avatar", "chooseavatar", { avatarUrl });
  await vi.waitUntil(() => app.attribute("picture", "image", "src") === avatarUrl, WAIT);
  app.send("form", "submit", { value: { nickname: "小红🌸" } });
  await at(app, "pages/home/index");
  await shows(app, "小红🌸");
  expect(app.toasts).toEqual(["注册成功", "已保存"]);
  expect(app.attribute("picture", "image", "src")).toMatch(/^http.*\.webp$/);
  await shows(app, "iPhone");
  app.close();
});

it("knows somebody who comes back", async () => {
  for (const [toast, page] of [
    ["注册成功", "pages/profile/index"],
    ["登录成功", "pages/home/index"],
  ]) {
    const app = open("小明");
    await shows(app, "微信一键登录");
    app.send("login");
    await at(app, page ?? "");
    expect(app.toasts).toEqual([toast]);
    app.close();
  }
});

it("shows a refusal of the phone button and binds the number of its code", async () => {
  const app = open("阿杰");
  await shows(app, "微信一键登录");
  app.send("login");
  await at(app, "pages/profile/index");
  await shows(app, "跳过");
  app.send("skip");
  await at(app, "pages/home/index");
  await vi.waitUntil(() => app.isReady("bind"), WAIT);
  app.send("bind", "getphonenumber", { errMsg: "getPhoneNumber:fail", errno: 1_400_001 });
  await shows(app, "本小程序的手机号验证次数已用完");
  await vi.waitUntil(() => app.isReady("bind"), WAIT);
  const code = await (await fetch(`${service.url}/demo/phone-code?phone=13800138000`)).text();
  app.send("bind", "getphonenumber", { code, errMsg: "getPhoneNumber:ok" });
  await shows(app, "138****8000");
  await vi.waitUntil(() => app.toasts.includes("已绑定"), WAIT);
  app.close();
});
