import { afterEach, expect, test, vi } from "vitest";
import { answered, refused } from "./support/simulated-gateway";
import { LOGIN, ME, setUp, startApp } from "./support/simulated-taro";

afterEach(() => {
  vi.useRealTimers();
});

test("a login tells who it is and stays over a restart of the app", async () => {
  const { gateway, phone, identity } = setUp();
  expect(identity.loggedIn).toBe(false);
  const { user, isNewUser } = await identity.login({ nickName: "Alice" });
  expect({ user, isNewUser }).toEqual({
    user: { id: 7, username: "alice", nickname: "A", avatar: "" },
    isNewUser: true,
  });
  expect(gateway.to(LOGIN)[0]?.data).toEqual({ code: "code-1", userInfo: { nickName: "Alice" } });
  const restarted = startApp(phone);
  expect(restarted.loggedIn).toBe(true);
  await restarted.getProfile();
  expect(phone.logins).toBe(1);
});

test("what a login resolves with holds no token", async () => {
  const { identity } = setUp();
  expect(Object.keys(await identity.login()).sort()).toEqual(["isNewUser", "user"]);
});

test("however often it is called meanwhile, it is one login", async () => {
  const { gateway, phone, identity } = setUp();
  const all = await Promise.all([identity.login(), identity.login(), identity.login()]);
  expect(new Set(all.map(({ user }) => user.id))).toEqual(new Set([7]));
  expect(phone.logins).toBe(1);
  expect(gateway.count(LOGIN)).toBe(1);
  await identity.login();
  expect(phone.logins).toBe(2);
});

test("a login that failed does not stand in the way of the next", async () => {
  const { gateway, identity } = setUp();
  gateway.failNext(LOGIN, refused(403, "LOGIN_RISK_BLOCKED"));
  await expect(identity.login()).rejects.toMatchObject({ reason: "LOGIN_RISK_BLOCKED" });
  expect(identity.loggedIn).toBe(false);
  await identity.login();
  expect(identity.loggedIn).toBe(true);
});

test.each(["LOGIN_CODE_USED", "LOGIN_CODE_INVALID"])(
  "%s costs one more wx.login, under another key",
  async (reason) => {
    const { gateway, phone, identity } = setUp();
    gateway.failNext(LOGIN, refused(400, reason));
    await identity.login();
    expect(phone.logins).toBe(2);
    const [first, second] = gateway.to(LOGIN);
    expect(second?.data).not.toEqual(first?.data);
    expect(second?.header["idempotency-key"]).not.toBe(first?.header["idempotency-key"]);
  },
);

test("LOGIN_CODE_INVALID twice is shown", async () => {
  const { gateway, phone, identity } = setUp();
  gateway.failNext(LOGIN, refused(400, "LOGIN_CODE_INVALID"));
  gateway.failNext(LOGIN, refused(400, "LOGIN_CODE_INVALID"));
  await expect(identity.login()).rejects.toMatchObject({
    reason: "LOGIN_CODE_INVALID",
    status: 400,
  });
  expect(phone.logins).toBe(2);
});

test("no other reason costs a second code", async () => {
  const { gateway, phone, identity } = setUp();
  gateway.failNext(LOGIN, refused(503, "UPSTREAM_BUSY"));
  await expect(identity.login()).rejects.toMatchObject({ reason: "UPSTREAM_BUSY" });
  expect(phone.logins).toBe(1);
});

test("a login whose answer got lost is asked for again under the same key", async () => {
  const { gateway, phone, identity } = setUp();
  gateway.failNext(LOGIN, "lost");
  await identity.login();
  const [first, second] = gateway.to(LOGIN);
  expect(first?.header["idempotency-key"]).toMatch(/^[A-Za-z0-9_-]{16,64}$/);
  expect(second).toEqual(first);
  expect(phone.logins).toBe(1);
  expect(gateway.alive).toBe(1);
});

test("it is asked for again once only", async () => {
  const { gateway, identity } = setUp();
  for (let i = 0; i < 3; i++) gateway.failNext(LOGIN, "unreachable");
  await expect(identity.login()).rejects.toMatchObject({ reason: "NETWORK", status: 0 });
  expect(gateway.count(LOGIN)).toBe(2);
});

test("a gateway that never answers is not waited for without end", async () => {
  vi.useFakeTimers();
  const { gateway, identity } = setUp({ timeoutMs: 1_000 });
  gateway.failNext(LOGIN, "silent");
  gateway.failNext(LOGIN, "silent");
  const login = expect(identity.login()).rejects.toMatchObject({ reason: "NETWORK" });
  await vi.advanceTimersByTimeAsync(2_000);
  await login;
});

test("what wx.login says is WX_LOGIN_FAILED, and its own words are kept for developers", async () => {
  const { gateway, phone, identity } = setUp();
  phone.wxLogin = () => Promise.reject({ errMsg: "login:fail system error" });
  await expect(identity.login()).rejects.toMatchObject({
    reason: "WX_LOGIN_FAILED",
    status: 0,
    cause: { errMsg: "login:fail system error" },
  });
  phone.wxLogin = () => Promise.resolve({ code: "" });
  await expect(identity.login()).rejects.toMatchObject({ reason: "WX_LOGIN_FAILED" });
  expect(gateway.seen).toEqual([]);
});

test("a wx.login that never calls back does not block logging in", async () => {
  vi.useFakeTimers();
  const { phone, identity } = setUp({ timeoutMs: 1_000 });
  phone.wxLogin = () => new Promise(() => {});
  const login = expect(identity.login()).rejects.toMatchObject({ reason: "WX_LOGIN_FAILED" });
  await vi.advanceTimersByTimeAsync(1_000);
  await login;
  delete phone.wxLogin;
  await identity.login();
  expect(identity.loggedIn).toBe(true);
});

test("codes of elsewhere, and the app id, go the same way", async () => {
  const { gateway, phone, identity } = setUp(
    { appId: "wx1", loginCode: async () => gateway.issueCode("bob") },
    "WEB",
  );
  expect((await identity.login()).user.username).toBe("bob");
  expect(gateway.to(LOGIN)[0]?.data).toEqual({ code: "code-1", appId: "wx1" });
  expect(phone.logins).toBe(0);
});

test.each([
  ["the page of a hotel's Wi-Fi", "<html>Welcome</html>"],
  ["nothing", null],
  ["no refresh token", { token: "t", expiresIn: 7200, user: { id: 1 } }],
  ["no end", { token: "t", refreshToken: "r", user: { id: 1 } }],
  ["a token that is none", { token: "a\r\nb: c", refreshToken: "r", expiresIn: 1, user: {} }],
  ["nobody", { token: "t", refreshToken: "r", expiresIn: 7200 }],
])("an answer with %s is no login", async (_, data) => {
  const { gateway, identity } = setUp();
  gateway.failNext(LOGIN, answered({ data }));
  await expect(identity.login()).rejects.toMatchObject({ reason: "BAD_RESPONSE", status: 200 });
  expect(identity.loggedIn).toBe(false);
});

test("a request before any login logs in silently, and so do ten at once", async () => {
  const { gateway, phone, identity } = setUp();
  await Promise.all(Array.from({ length: 10 }, () => identity.getProfile()));
  expect(phone.logins).toBe(1);
  expect(gateway.count(ME)).toBe(10);
});
