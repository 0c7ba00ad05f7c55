import { expect, test } from "vitest";
import { setUp, startApp } from "./support/simulated-taro";

const GOOD = { token: "t", refreshToken: "r", expiresAt: 9e15, refreshKey: "k".repeat(32) };

test.each([
  ["nothing", ""],
  ["null", null],
  ["a number", 7],
  ["a text", "garbage"],
  ["a list", [GOOD]],
  ["an empty object", {}],
  ["a token that is no text", { ...GOOD, token: { a: 1 } }],
  ["an empty token", { ...GOOD, token: "" }],
  ["a token that would break the header", { ...GOOD, token: "a\r\nx: y" }],
  ["no refresh token", { ...GOOD, refreshToken: undefined }],
  ["a time that is none", { ...GOOD, expiresAt: "soon" }],
  ["a key that the service would refuse", { ...GOOD, refreshKey: "short" }],
])("with %s in storage one is not logged in, and can", async (_, value) => {
  const { phone, identity } = setUp();
  phone.storage.set("identity", value);
  expect(identity.loggedIn).toBe(false);
  await identity.getProfile();
  expect([identity.loggedIn, phone.logins]).toEqual([true, 1]);
});

test("tokens that the service does not know are followed by a silent login", async () => {
  const { phone, identity } = setUp();
  phone.storage.set("identity", GOOD);
  expect(identity.loggedIn).toBe(true);
  await identity.getProfile();
  expect(phone.logins).toBe(1);
});

test("a storage that cannot be written costs a login per start, not the login", async () => {
  const { phone, identity } = setUp();
  phone.brokenStorage.add("set");
  await identity.login();
  expect(identity.loggedIn).toBe(true);
  await identity.getProfile();
  expect(phone.logins).toBe(1);
  expect(startApp(phone).loggedIn).toBe(false);
});

test("a storage that cannot be read is as good as empty", async () => {
  const { phone, identity } = setUp();
  phone.brokenStorage.add("get").add("set").add("remove");
  expect(identity.loggedIn).toBe(false);
  await identity.getProfile();
  expect(identity.loggedIn).toBe(true);
});

test("a logout counts where the storage refuses to forget", async () => {
  const { phone, identity } = setUp();
  await identity.login();
  phone.brokenStorage.add("set").add("remove");
  await identity.logout();
  expect(identity.loggedIn).toBe(false);
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
});

test("the place in storage is of one's choice", async () => {
  const { phone, identity } = setUp({ storageKey: "elsewhere" });
  await identity.login();
  expect([...phone.storage.keys()]).toEqual(["elsewhere"]);
  expect(startApp(phone).loggedIn).toBe(false);
});
