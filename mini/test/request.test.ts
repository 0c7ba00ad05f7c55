import { afterEach, expect, test, vi } from "vitest";
import { refused } from "./support/simulated-gateway";
import { LOGIN, ME, REFRESH, setUp, startApp } from "./support/simulated-taro";

afterEach(() => {
  vi.useRealTimers();
});

async function loggedIn() {
  const all = setUp();
  await all.identity.login();
  return all;
}

test("a request carries the token, and headers of one's own", async () => {
  const { gateway, identity } = await loggedIn();
  await identity.request({ path: ME, header: { "X-Own": "1" } });
  expect(gateway.to(ME)[0]?.header).toMatchObject({
    authorization: "Bearer token-2",
    "x-own": "1",
  });
});

test("TOKEN_EXPIRED costs one refresh and one repetition", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  expect(await identity.getProfile()).toMatchObject({ username: "alice" });
  expect([gateway.count(ME), gateway.count(REFRESH), phone.logins]).toEqual([2, 1, 1]);
  await identity.getProfile();
  expect([gateway.count(ME), gateway.count(REFRESH)]).toEqual([3, 1]);
});

test("ten requests with an expired token cost one refresh", async () => {
  const { gateway, identity } = await loggedIn();
  gateway.expireTokens();
  await Promise.all(Array.from({ length: 10 }, () => identity.getProfile()));
  expect([gateway.count(ME), gateway.count(REFRESH), gateway.alive]).toEqual([20, 1, 1]);
});

test("a refusal that arrives after another request's refresh costs no second one", async () => {
  const { gateway, identity } = await loggedIn();
  gateway.expireTokens();
  const late = gateway.holdNext(ME);
  const lateRequest = identity.getProfile();
  await late.arrived;
  await identity.getProfile();
  late.release();
  await lateRequest;
  expect([gateway.count(REFRESH), gateway.alive]).toEqual([1, 1]);
});

test("a token that is known to have expired is not tried", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const { gateway, identity } = await loggedIn();
  vi.setSystemTime(Date.now() + 7_175_000);
  await Promise.all([identity.getProfile(), identity.getProfile()]);
  expect([gateway.count(ME), gateway.count(REFRESH)]).toEqual([2, 1]);
});

test("a refresh whose answer got lost is asked for again under the same key", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  gateway.failNext(REFRESH, "lost");
  await identity.getProfile();
  const [first, second] = gateway.to(REFRESH);
  expect(first?.header["idempotency-key"]).toMatch(/^[A-Za-z0-9_-]{16,64}$/);
  expect(second).toEqual(first);
  expect([phone.logins, gateway.alive]).toEqual([1, 1]);
});

test("so it is after a restart of the app, which knows the key", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  gateway.failNext(REFRESH, "lost");
  gateway.failNext(REFRESH, "lost");
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "NETWORK" });
  expect(identity.loggedIn).toBe(true);
  await startApp(phone).getProfile();
  expect([gateway.count(REFRESH), phone.logins, gateway.alive]).toEqual([3, 1, 1]);
});

test("two tabs of a browser that refresh at once go on with the same login", async () => {
  const { gateway, phone, identity } = await loggedIn();
  const otherTab = startApp(phone);
  gateway.expireTokens();
  const held = gateway.holdNext(REFRESH);
  const first = identity.getProfile();
  await held.arrived;
  await otherTab.getProfile();
  held.release();
  await first;
  expect([phone.logins, gateway.alive]).toEqual([1, 1]);
});

test("each refresh has a key of its own", async () => {
  const { gateway, identity } = await loggedIn();
  for (let i = 0; i < 2; i++) {
    gateway.expireTokens();
    await identity.getProfile();
  }
  const keys = gateway.to(REFRESH).map(({ header }) => header["idempotency-key"]);
  expect(new Set(keys).size).toBe(2);
});

test("a refresh is repeated soon enough for the service to know it again", async () => {
  vi.useFakeTimers();
  const { gateway, identity } = await loggedIn();
  gateway.expireTokens();
  gateway.failNext(REFRESH, "silent");
  const profile = identity.getProfile();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(await profile).toMatchObject({ username: "alice" });
});

test.each(["TOKEN_REVOKED", "TOKEN_INVALID", "TOKEN_MISSING", "USER_NOT_FOUND"])(
  "%s is a silent login and one repetition",
  async (reason) => {
    const { gateway, phone, identity } = await loggedIn();
    gateway.failNext(ME, refused(401, reason));
    expect(await identity.getProfile()).toMatchObject({ username: "alice" });
    expect([gateway.count(ME), gateway.count(REFRESH), phone.logins]).toEqual([2, 0, 2]);
  },
);

test.each(["REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_REUSED"])(
  "%s is a silent login",
  async (reason) => {
    const { gateway, phone, identity } = await loggedIn();
    gateway.expireTokens();
    gateway.failNext(REFRESH, refused(401, reason));
    await Promise.all([identity.getProfile(), identity.getProfile()]);
    expect([gateway.count(REFRESH), phone.logins]).toEqual([1, 2]);
  },
);

test("a login that ended elsewhere is followed by one silent login of ten requests", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.endLogins();
  await Promise.all(Array.from({ length: 10 }, () => identity.getProfile()));
  expect([gateway.count(ME), phone.logins, gateway.alive]).toEqual([20, 2, 1]);
});

test("one is not logged in any more when the silent login fails", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.endLogins();
  phone.wxLogin = () => Promise.reject({ errMsg: "login:fail" });
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "WX_LOGIN_FAILED" });
  expect(identity.loggedIn).toBe(false);
});

test.each(["TOKEN_EXPIRED", "TOKEN_REVOKED", "TOKEN_MISSING"])(
  "a service that says %s to everything is asked twice, not without end",
  async (reason) => {
    const { gateway, identity } = await loggedIn();
    for (let i = 0; i < 50; i++) gateway.failNext(ME, refused(401, reason));
    await expect(identity.getProfile()).rejects.toMatchObject({ reason, status: 401 });
    expect(gateway.count(ME)).toBe(2);
    expect(gateway.count(REFRESH) + gateway.count(LOGIN)).toBe(2);
  },
);

test("nor when refreshes and logins are refused as well", async () => {
  const { gateway, identity } = await loggedIn();
  for (let i = 0; i < 50; i++) {
    gateway.failNext(ME, refused(401, "TOKEN_EXPIRED"));
    gateway.failNext(REFRESH, refused(401, "REFRESH_TOKEN_INVALID"));
    gateway.failNext(LOGIN, refused(409, "LOGIN_CODE_USED"));
  }
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "LOGIN_CODE_USED" });
  expect(gateway.seen.map(({ path }) => path)).toEqual([LOGIN, ME, REFRESH, LOGIN, LOGIN]);
  expect(identity.loggedIn).toBe(false);
});

test("no other refusal is asked again, nor ends the login", async () => {
  const { gateway, phone, identity } = await loggedIn();
  for (const [status, reason] of [
    [403, "USER_DISABLED"],
    [401, "CALLER_UNKNOWN"],
    [503, "STORAGE_UNAVAILABLE"],
  ] as const) {
    gateway.failNext(ME, refused(status, reason));
    await expect(identity.getProfile()).rejects.toMatchObject({ reason, status });
  }
  expect([gateway.count(ME), phone.logins, identity.loggedIn]).toEqual([3, 1, true]);
});

test("a request whose answer got lost is not repeated: it may have been done", async () => {
  const { gateway, identity } = await loggedIn();
  gateway.failNext(ME, "lost");
  await expect(identity.updateProfile({ nickname: "B" })).rejects.toMatchObject({
    reason: "NETWORK",
  });
  expect(gateway.count(ME)).toBe(1);
});

test("a service that is away while refreshing does not end the login", async () => {
  const { gateway, phone, identity } = await loggedIn();
  gateway.expireTokens();
  gateway.failNext(REFRESH, refused(503, "STORAGE_UNAVAILABLE"));
  await expect(identity.getProfile()).rejects.toMatchObject({ reason: "STORAGE_UNAVAILABLE" });
  await identity.getProfile();
  expect(phone.logins).toBe(1);
});

test.each(["//elsewhere.example/x", "/\\elsewhere.example", "https://elsewhere.example/", "x"])(
  "the token does not go to %s",
  async (path) => {
    const { gateway, identity } = await loggedIn();
    await expect(identity.request({ path })).rejects.toBeInstanceOf(TypeError);
    expect(gateway.count(LOGIN)).toBe(gateway.seen.length);
  },
);
