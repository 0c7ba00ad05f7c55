import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createPng } from "../support/png.ts";
import { type Service, startService } from "../support/service.ts";
import { openPhone, startBrowser } from "./phone.ts";

let service: Service;
let browser: Browser;
beforeAll(async () => {
  [service, browser] = await Promise.all([startService(), startBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await service?.[Symbol.asyncDispose]();
});

const phoneOf = (userAgent?: string) => openPhone(browser, service.url, userAgent);

it("registers somebody new, who gives a name and a picture and binds a number", async () => {
  await using phone = await phoneOf();
  await phone.open();
  await phone.sees("微信一键登录");
  await phone.photograph("login");
  await phone.logIn("小红");
  await phone.sees("注册成功");
  await phone.photograph("login-done");
  await phone.at("profile");
  await phone.photograph("profile-new");
  const [chooser] = await Promise.all([
    phone.page.waitForEvent("filechooser"),
    phone.tap("avatar"),
  ]);
  const buffer = createPng(64, [224, 122, 95]);
  await chooser.setFiles({ name: "me.png", mimeType: "image/png", buffer });
  await phone.page.locator("#avatar img:visible").waitFor();
  await phone.fill("nickname", "小红🌸");
  await phone.photograph("profile-filled");
  await phone.tap("save");
  await phone.sees("已保存");
  await phone.at("home");
  await phone.sees("小红🌸");
  const avatar = phone.page.locator(".person img:visible");
  await expect
    .poll(() => avatar.evaluate((image: HTMLImageElement) => image.naturalWidth), POLL)
    .toBeGreaterThan(0);
  await phone.sees("还没有绑定");
  await phone.fill("number", "13800138000");
  await phone.tap("bind");
  await phone.sees("138****8000");
  await phone.page.locator(".taro__toast").waitFor({ state: "hidden" });
  await phone.photograph("home");
});

/** For a busy machine. */
const POLL = { timeout: 30_000, interval: 50 };
