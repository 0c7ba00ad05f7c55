import { expect, test } from "vitest";
import { refused } from "./support/simulated-gateway";
import { LOGIN, ME, setUp } from "./support/simulated-taro";

async function loggedIn() {
  const all = setUp();
  await all.identity.login();
  return all;
}

test("a deletion says until when it can be taken back, and forgets the tokens", async () => {
  const { phone, identity } = await loggedIn();
  expect(await identity.deleteAccount()).toEqual({ erasedAfter: "2026-12-01T00:00:00Z" });
  expect(identity.loggedIn).toBe(false);
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  expect(phone.logins).toBe(1);
});

test("a request beside the deletion does not take it back by a silent login", async () => {
  const { gateway, identity } = await loggedIn();
  const held = gateway.holdNext(ME);
  const deletion = identity.deleteAccount();
  await held.arrived;
  await expect(identity.listSessions()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  held.release();
  await deletion;
  expect(gateway.count(LOGIN)).toBe(1);
});

test("a deletion with an expired token refreshes first", async () => {
  const { gateway, identity } = await loggedIn();
  gateway.expireTokens();
  await identity.deleteAccount();
  expect(gateway.alive).toBe(0);
});

test("a deletion that failed leaves everything as it was", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.failNext(ME, refused(503, "STORAGE_UNAVAILABLE"));
  await expect(identity.deleteAccount()).rejects.toMatchObject({ reason: "STORAGE_UNAVAILABLE" });
  expect(identity.loggedIn).toBe(true);
  gateway.endLogins();
  await identity.getProfile();
  expect(phone.logins).toBe(2);
});

test("logins are listed and ended, their ids escaped", async () => {
  const { gateway, identity } = await loggedIn();
  expect(await identity.listSessions()).toEqual([{ id: "s1", current: true }]);
  expect(await identity.endSession("../users/me")).toBeUndefined();
  const { method, path } = gateway.seen.at(-1) ?? {};
  expect([method, path]).toEqual(["DELETE", "/api/v1/auth/sessions/..%2Fusers%2Fme"]);
});

test("a phone number is bound, and all data handed out", async () => {
  const { gateway, identity } = await loggedIn();
  expect((await identity.bindPhone("phone-code")).phone).toBe("138****8000");
  expect(gateway.seen.at(-1)?.data).toEqual({ code: "phone-code" });
  expect(await identity.exportAccount()).toEqual({ user: gateway.profile });
});
