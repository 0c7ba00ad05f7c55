import { expect, test } from "vitest";
import { type Fault, refused } from "./support/simulated-gateway";
import { LOGIN, LOGOUT, ME, REFRESH, setUp, startApp } from "./support/simulated-taro";

async function loggedIn() {
  const all = setUp();
  await all.identity.login();
  return all;
}

test("a logout forgets the tokens and ends the login", async () => {
  const { gateway, phone, identity } = await loggedIn();
  await identity.logout();
  expect(identity.loggedIn).toBe(false);
  expect(JSON.stringify([...phone.storage])).not.toContain("token-");
  expect(gateway.alive).toBe(0);
});

test("the tokens are forgotten at once, whatever becomes of the request", async () => {
  const { gateway, identity } = await loggedIn();
  const held = gateway.holdNext(LOGOUT);
  const logout = identity.logout();
  expect(identity.loggedIn).toBe(false);
  held.release();
  await logout;
});

test.each<Fault>(["unreachable", refused(500, "INTERNAL"), refused(401, "TOKEN_REVOKED")])(
  "a logout works without the service: %j",
  async (fault) => {
    const { gateway, identity } = await loggedIn();
    gateway.failNext(LOGOUT, fault);
    await identity.logout();
    expect(identity.loggedIn).toBe(false);
  },
);

test("a logout with an expired token still ends the login at the service", async () => {
  const { gateway, identity } = await loggedIn();
  gateway.expireTokens();
  await identity.logout();
  expect([gateway.alive, identity.loggedIn]).toEqual([0, false]);
});

test("a logout of nobody asks nothing", async () => {
  const { gateway, identity } = setUp();
  await identity.logout();
  expect(gateway.seen).toEqual([]);
});

test("after a logout no request logs in silently, also not after a restart", async () => {
  const { phone, identity } = await loggedIn();
  await identity.logout();
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT", status: 0 });
  const restarted = startApp(phone);
  await expect(restarted.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  expect(phone.logins).toBe(1);
  await restarted.login();
  await restarted.getProfile();
  expect(phone.logins).toBe(2);
});

test("a logout during a refresh wins", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  const held = gateway.holdNext(REFRESH);
  const profile = expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  await held.arrived;
  await identity.logout();
  held.release();
  await profile;
  expect([identity.loggedIn, gateway.alive, phone.logins]).toEqual([false, 0, 1]);
});

test("a logout during a refresh wins, also when that is refused", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  gateway.failNext(REFRESH, refused(401, "REFRESH_TOKEN_INVALID"));
  const held = gateway.holdNext(REFRESH);
  const profile = expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  await held.arrived;
  await identity.logout();
  held.release();
  await profile;
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  expect(phone.logins).toBe(1);
});

test("a logout during a login wins, and the login is ended at the service too", async () => {
  const { gateway, identity } = setUp();
  const held = gateway.holdNext(LOGIN);
  const login = expect(identity.login()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  await held.arrived;
  await identity.logout();
  const ended = gateway.holdNext(LOGOUT);
  held.release();
  await login;
  await ended.arrived;
  expect([identity.loggedIn, gateway.alive]).toEqual([false, 0]);
});

test("a logout during wx.login keeps the code from being sent", async () => {
  const { gateway, phone, identity } = setUp();
  let answer: (value: { code: string }) => void = () => {};
  phone.wxLogin = () => new Promise((resolve) => (answer = resolve));
  const login = expect(identity.login()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  await identity.logout();
  answer({ code: "code-1" });
  await login;
  expect(gateway.seen).toEqual([]);
});

test("a logout between the two codes of a login keeps the second from being asked for", async () => {
  const { gateway, phone, identity } = setUp();
  gateway.failNext(LOGIN, refused(400, "LOGIN_CODE_INVALID"));
  const held = gateway.holdNext(LOGIN);
  const login = expect(identity.login()).rejects.toMatchObject({ reason: "LOGIN_CODE_INVALID" });
  await held.arrived;
  await identity.logout();
  held.release();
  await login;
  expect([phone.logins, identity.loggedIn]).toEqual([1, false]);
});

test("a login after the logout does not join the one from before", async () => {
  const { gateway, phone, identity } = setUp();
  const held = gateway.holdNext(LOGIN);
  const before = expect(identity.login()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  await held.arrived;
  await identity.logout();
  await identity.login();
  held.release();
  await before;
  expect([identity.loggedIn, phone.logins]).toEqual([true, 2]);
  await identity.getProfile();
});

test("a request of before the logout is not repeated as the person who logged in after it", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  const held = gateway.holdNext(ME);
  const change = expect(identity.updateProfile({ nickname: "Alice's" })).rejects.toMatchObject({
    reason: "LOGGED_OUT",
  });
  await held.arrived;
  await identity.logout();
  phone.wxLogin = async () => ({ code: gateway.issueCode("bob") });
  await identity.login();
  held.release();
  await change;
  expect([gateway.count(ME), gateway.profile.nickname]).toEqual([1, "A"]);
});

test("a refresh of before does not replace the tokens of a new login", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  const held = gateway.holdNext(REFRESH);
  const profile = identity.getProfile();
  await held.arrived;
  phone.wxLogin = async () => ({ code: gateway.issueCode("bob") });
  await identity.login();
  held.release();
  await profile;
  expect(await identity.getProfile()).toMatchObject({ username: "bob" });
});

test("nor does a refusal of that refresh end the new login", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  gateway.failNext(REFRESH, refused(401, "REFRESH_TOKEN_INVALID"));
  const held = gateway.holdNext(REFRESH);
  const profile = identity.getProfile();
  await held.arrived;
  await identity.login();
  held.release();
  await profile;
  expect([identity.loggedIn, phone.logins]).toEqual([true, 2]);
});

test("a logout in another tab of the browser counts here, also during a refresh", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  const held = gateway.holdNext(REFRESH);
  const profile = expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGGED_OUT" });
  await held.arrived;
  await startApp(phone).logout();
  held.release();
  await profile;
  expect([identity.loggedIn, gateway.alive]).toEqual([false, 0]);
});
