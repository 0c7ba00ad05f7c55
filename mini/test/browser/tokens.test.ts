import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Service, startService } from "../support/service.ts";
import { openPhone, startBrowser } from "./phone.ts";

let service: Service;
let browser: Browser;
beforeAll(async () => {
  // Over before the toast of the login is.
  const short = { ACCESS_TOKEN_TTL: "1s" };
  [service, browser] = await Promise.all([startService(short), startBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await service?.[Symbol.asyncDispose]();
});

it("refreshes an expired token, and gets over a service that is away for a while", async () => {
  await using phone = await openPhone(browser, service.url);
  await phone.open();
  const refreshed = phone.page.waitForResponse("**/api/v1/auth/refresh");
  await phone.logIn("小红");
  await phone.at("profile");
  await phone.tap("skip");
  await phone.at("home");
  expect((await refreshed).status()).toBe(200);
  await phone.sees("微信用户");

  await service.stop();
  await phone.tap("refresh");
  await phone.sees("网络连接失败，请检查网络后重试");
  await phone.settled();
  await phone.photograph("home-offline");
  await service.start();
  await phone.tap("again");
  await phone.page.locator("#problem").waitFor({ state: "detached" });
  await phone.settled();
  await phone.sees("微信用户");
});
