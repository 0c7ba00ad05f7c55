import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createPng } from "../support/png.ts";
import { type Service, startService } from "../support/service.ts";
import { ANDROID, openPhone, startBrowser } from "./phone.ts";

let service: Service;
let browser: Browser;
beforeAll(async () => {
  [service, browser] = await Promise.all([startService(), startBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await service?.[Symbol.asyncDispose]();
});

const takePhone = (userAgent?: string) => openPhone(browser, service.url, userAgent);

/** For a busy machine. */
const POLL = { timeout: 30_000, interval: 50 };

it("registers somebody new, who gives a picture, a name and a number", async () => {
  await using phone = await takePhone();
  await phone.open();
  await phone.sees("微信一键登录");
  await phone.photograph("login");
  await phone.logIn("小红");
  await phone.sees("注册成功");
  await phone.photograph("login-done");
  await phone.at("profile");
  await phone.photograph("profile");
  const chosen = phone.page.waitForEvent("filechooser");
  await phone.tap("avatar");
  const buffer = createPng(64, [224, 122, 95]);
  await (await chosen).setFiles({ name: "me.png", mimeType: "image/png", buffer });
  await phone.page.locator("#avatar img").waitFor();
  await phone.fill("nickname", "小红花");
  await phone.photograph("profile-filled");
  await phone.tap("save");
  await phone.sees("已保存");
  await phone.at("home");
  await phone.sees("小红花");
  const avatar = phone.page.locator(".person img:visible");
  const width = () => avatar.evaluate((image: HTMLImageElement) => image.naturalWidth);
  await expect.poll(width, POLL).toBeGreaterThan(0);
  await phone.sees("还没有绑定");
  await phone.fill("number", "13800138000");
  await phone.tap("bind");
  await phone.sees("138****8000");
  await phone.sees("已绑定");
  await phone.settled();
  await phone.photograph("home");
});

it("knows somebody who comes back, and lets them skip what they need not say", async () => {
  await using phone = await takePhone();
  await phone.open();
  await phone.logIn("小明");
  await phone.sees("注册成功");
  await phone.at("profile");
  await phone.tap("skip");
  await phone.at("home");
  await phone.sees("微信用户");
  await phone.settled();
  await phone.photograph("home-new");
  await phone.page.reload();
  await phone.at("home");
  await phone.tap("logout");
  await phone.sees("已退出");
  await phone.logIn("小明");
  await phone.sees("登录成功");
  await phone.at("home");
});

it("shows what the service says is wrong", async () => {
  await using phone = await takePhone();
  await phone.open();
  await phone.logIn("阿杰");
  await phone.at("profile");
  await phone.fill("nickname", "\u202e反的");
  await phone.tap("save");
  await phone.sees(/^请求编号 \S+$/);
  expect(await phone.page.locator(".problem-text").textContent()).toContain("昵称");
  expect(await phone.page.locator("#nickname input").inputValue()).toContain("反的");
  await phone.photograph("profile-problem");
});

it("signs another device out, which then logs in by itself", async () => {
  await using one = await takePhone();
  await one.open();
  await one.logIn("小强");
  await one.at("profile");
  await one.tap("skip");
  await one.at("home");
  await using other = await takePhone(ANDROID);
  await other.open();
  await other.logIn("小强");
  await other.sees("登录成功");
  await other.at("home");
  await other.sees("iPhone");
  await other.settled();
  await other.photograph("home-devices");
  await other.page.locator(".device", { hasText: "iPhone" }).locator(".button-small").click();
  await other.sees("已下线");
  await other.page.locator(".device", { hasText: "iPhone" }).waitFor({ state: "detached" });

  const again = one.page.waitForResponse("**/api/v1/auth/mini-login");
  await one.tap("refresh");
  expect((await again).status()).toBe(200);
  await one.settled();
  await one.page.locator("#problem").waitFor({ state: "detached" });
  await other.settled();
  await other.tap("refresh");
  await other.sees("iPhone");
});

it("deletes the account when that is really meant, and takes it back at the next login", async () => {
  await using phone = await takePhone();
  await phone.open();
  await phone.logIn("小丽");
  await phone.at("profile");
  await phone.fill("nickname", "丽丽");
  await phone.tap("save");
  await phone.at("home");
  await phone.sees("丽丽");
  await phone.tap("delete");
  await phone.sees("注销账号？");
  await phone.photograph("delete");
  await phone.tap("delete-not");
  await phone.tap("delete");
  await phone.tap("delete-really");
  await phone.sees("账号已注销");
  await phone.sees(/月\d+日之后，账号会被永久删除/);
  await phone.photograph("deleted");
  await phone.tap("deleted-seen");
  await phone.logIn("小丽");
  await phone.sees("登录成功");
  await phone.at("home");
  await phone.sees("丽丽");
});
