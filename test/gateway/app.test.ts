import { describe, expect, it } from "vitest";
import { type CallReason, IdentityCallError } from "../../src/client.ts";
import { createApp } from "../../src/gateway/app.ts";
import { openAvatars } from "../../src/gateway/avatars.ts";
import { createDoor } from "../../src/gateway/door.ts";
import type { ErrorBody } from "../../src/gateway/error-response.ts";
import { HTTP_STATUS } from "../../src/gateway/errors.ts";
import { MESSAGES, pickLanguage } from "../../src/gateway/messages.ts";
import { ErrorReason } from "../../src/gen/identity/v1/error_reason_pb.js";
import { config, fakeIdentity, log, metrics } from "./fake-identity.ts";

const avatars = await openAvatars(config.avatars, log);

function setUp() {
  const fake = fakeIdentity();
  const app = createApp(config, {
    identity: fake.identity,
    log,
    metrics,
    limitLogin: async () => {},
    limitAvatar: async () => {},
    avatars,
    door: createDoor({ isLate: () => false, close: () => {} }),
  });
  const login = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    app.request("/api/v1/auth/mini-login", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
  const patch = (body: unknown, headers: Record<string, string> = {}) =>
    app.request("/api/v1/users/me", {
      method: "PATCH",
      headers: { "content-type": "application/json", authorization: "Bearer a.b.c", ...headers },
      body: JSON.stringify(body),
    });
  return { ...fake, app, login, patch };
}

const errorOf = async (response: Response) => (await response.json()) as ErrorBody;
const reasonOf = async (response: Response) => (await errorOf(response)).reason;

describe("mini-login", () => {
  it("answers and passes on what identity needs", async () => {
    const { login, calls } = setUp();
    const headers = { "idempotency-key": "k".repeat(16), "x-request-id": "request-1" };
    const userInfo = { nickName: "A", gender: 1, country: null };
    const reply = await login(JSON.stringify({ code: "c1", appId: "wx12", userInfo }), headers);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-request-id")).toBe("request-1");
    expect(reply.headers.get("cache-control")).toBe("no-store");
    expect(await reply.json()).toEqual({
      token: "a.b.c",
      expiresIn: 7200,
      refreshToken: "",
      user: { id: 7, username: "wx_a", nickname: "阿明", avatar: "" },
      isNewUser: true,
    });
    const request = { code: "c1", appId: "wx12", idempotencyKey: "k".repeat(16), device: "" };
    expect(calls[0]?.request).toEqual({ ...request, userInfo: { nickname: "A" } });
    expect(calls[0]?.options).toMatchObject({ requestId: "request-1" });
  });

  it("takes the app from the Referer", async () => {
    const { login, calls } = setUp();
    const referer = "https://servicewechat.com/wxabcd/12/page-frame.html";
    await login('{"code":"c"}', { referer });
    expect(calls[0]?.request).toMatchObject({ appId: "wxabcd" });
  });

  it.each([undefined, "", "x".repeat(129), "a b", "a&b", "a=b", "%00", "a\n", "\ud800", "１２", 5])(
    "refuses the code %j unasked",
    async (code) => {
      const { login, calls } = setUp();
      expect(await reasonOf(await login(JSON.stringify({ code })))).toBe("LOGIN_CODE_MALFORMED");
      expect(calls).toEqual([]);
    },
  );

  it.each([
    "",
    '{"code":',
    "null",
    "[]",
    '{"code":"a","code":"a"}',
    '{"code":"a","\\u0063ode":"a"}',
    '{"code":"a","__proto__":{}}',
    `${"[".repeat(3_500)}${"]".repeat(3_500)}`,
    Buffer.from('{"code":"a"}', "utf16le"),
    '{"code":"a","openid":"o"}',
    '{"code":"a","userInfo":{"id":1}}',
  ])("refuses the body %#", async (body) => {
    const { login, calls } = setUp();
    const reply = await login(body);
    expect([reply.status, await reasonOf(reply)]).toEqual([400, "INVALID_FIELD"]);
    expect(calls).toEqual([]);
  });

  it("names the field", async () => {
    const { login } = setUp();
    const reply = await login('{"code":"a","openid":"o"}', { "accept-language": "en" });
    expect((await errorOf(reply)).message).toContain("(openid)");
    const short = await login('{"code":"a"}', { "idempotency-key": "short" });
    expect((await errorOf(short)).message).toContain("Idempotency-Key");
  });

  it("refuses other types, encodings and sizes", async () => {
    const { login } = setUp();
    expect((await login("{}", { "content-type": "text/plain" })).status).toBe(415);
    expect((await login("{}", { "content-encoding": "gzip" })).status).toBe(415);
    expect((await login(`"${"x".repeat(9_000)}"`)).status).toBe(413);
  });
});

describe("refresh", () => {
  const post = (app: ReturnType<typeof setUp>["app"], body: unknown, headers = {}) =>
    app.request("/api/v1/auth/refresh", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });

  it("answers and passes on what identity needs", async () => {
    const { app, calls } = setUp();
    const referer = "https://servicewechat.com/wxabcd/12/page-frame.html";
    const headers = { "idempotency-key": "k".repeat(16), referer };
    const reply = await post(app, { refreshToken: "r" }, headers);
    expect(await reply.json()).toEqual({ token: "a.b.d", expiresIn: 7200, refreshToken: "next" });
    const idempotencyKey = "k".repeat(16);
    expect(calls[0]?.request).toEqual({ refreshToken: "r", appId: "wxabcd", idempotencyKey });
  });

  it.each([undefined, "", "a b", "a.b", "x".repeat(257), 5, null])(
    "refuses the token %j unasked",
    async (refreshToken) => {
      const { app, calls } = setUp();
      const reply = await post(app, { refreshToken });
      expect([reply.status, await reasonOf(reply)]).toEqual([401, "REFRESH_TOKEN_INVALID"]);
      expect(calls).toEqual([]);
    },
  );
});

describe("a person's logins", () => {
  const headers = { authorization: "Bearer a.b.c" };
  const ID = "5c1f0f0a-6f0e-4c1e-9a39-0b9f3d1c0a11";

  it("are listed and ended", async () => {
    const { app, calls } = setUp();
    const list = await app.request("/api/v1/auth/sessions", { headers });
    const at = "2026-11-24T00:00:00.000Z";
    const one = { id: "sid", appId: "wx1", device: "iPhone", createdAt: at, lastUsedAt: at };
    expect(await list.json()).toEqual({ sessions: [{ ...one, current: true }] });
    const path = `/api/v1/auth/sessions/${ID}`;
    const ended = await app.request(path, { method: "DELETE", headers });
    expect([ended.status, await ended.text()]).toEqual([204, ""]);
    expect(calls[1]).toMatchObject({ method: "revokeSession", request: { sessionId: ID } });
    const left = await app.request("/api/v1/auth/logout", { method: "POST", headers });
    expect([left.status, calls[2]?.method]).toEqual([204, "logout"]);
  });

  it("want a token, an id and the right method", async () => {
    const { app, calls } = setUp();
    for (const [method, path] of [
      ["GET", "sessions"],
      ["DELETE", `sessions/${ID}`],
      ["POST", "logout"],
    ]) {
      const reply = await app.request(`/api/v1/auth/${path}`, { method: String(method) });
      expect(await reasonOf(reply)).toBe("TOKEN_MISSING");
    }
    const bad = await app.request("/api/v1/auth/sessions/1", { method: "DELETE", headers });
    expect([bad.status, await reasonOf(bad)]).toEqual([400, "INVALID_FIELD"]);
    const get = await app.request("/api/v1/auth/logout", { headers });
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
    expect(calls).toEqual([]);
  });
});

describe("a device", () => {
  it.each([
    ["Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) MicroMessenger/8.0.47", "iPad"],
    ["Mozilla/5.0 (Linux; Android 13; zh-cn; M2012K11AC Build/TKQ1) MicroMessenger", "M2012K11AC"],
    ["Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36", "K"],
    ["Mozilla/5.0 (Phone; OpenHarmony 5.0) ArkWeb/4.1.6.1 Mobile MicroMessenger", "HarmonyOS"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 15_0) wechatdevtools/1.06.2", "微信开发者工具"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) WindowsWechat", "Windows"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) MacWechat/3.8.7", "Mac"],
    ["curl/8.5.0", ""],
    [`Android 1${"; ".repeat(5_000)}`, "Android"],
  ])("is read off %s", async (agent, device) => {
    const { login, calls } = setUp();
    await login('{"code":"c"}', { "user-agent": agent });
    expect(calls[0]?.request).toMatchObject({ device });
  });
});

describe("users/me", () => {
  it("reads and changes with a version", async () => {
    const { app, patch, calls } = setUp();
    const headers = { authorization: "Bearer a.b.c" };
    const reply = await app.request("/api/v1/users/me", { headers });
    expect(reply.headers.get("etag")).toBe('"3"');
    expect(await reply.json()).toMatchObject({ id: 7, phone: "", version: 3 });
    await patch({ nickname: "" }, { "if-match": '"3"' });
    expect(calls[1]?.request).toEqual({ nickname: "", expectedVersion: 3n });
    await patch({}, { "if-match": "*" });
    expect(calls[2]?.request).toEqual({});
    expect((await patch({}, { "if-match": "3" })).status).toBe(400);
  });

  it.each([
    [{ nickname: null }, "NICKNAME_INVALID"],
    [{ nickname: "\ud800" }, "NICKNAME_INVALID"],
    [{ avatar: 1 }, "AVATAR_INVALID"],
    [{ status: 1 }, "INVALID_FIELD"],
  ])("refuses %j", async (body, reason) => {
    expect(await reasonOf(await setUp().patch(body))).toBe(reason);
  });

  it.each([
    [undefined, "TOKEN_MISSING"],
    ["Basic x", "TOKEN_INVALID"],
    ["Bearer a, Bearer b", "TOKEN_INVALID"],
    [`Bearer ${"a".repeat(5_000)}`, "TOKEN_INVALID"],
  ])("refuses the authorization %#", async (authorization, reason) => {
    const headers: Record<string, string> = authorization ? { authorization } : {};
    const reply = await setUp().app.request("/api/v1/users/me", { headers });
    expect([reply.status, await reasonOf(reply)]).toEqual([401, reason]);
    expect(reply.headers.get("www-authenticate")).toBe("Bearer");
  });
});

describe("one's own data", () => {
  const headers = { authorization: "Bearer a.b.c" };

  it("goes out whole, and into no cache", async () => {
    const reply = await setUp().app.request("/api/v1/users/me/export", { headers });
    expect([reply.status, reply.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const at = "2026-11-24T00:00:00.000Z";
    const times = { createdAt: at, lastUsedAt: at, expiresAt: at };
    expect(await reply.json()).toEqual({
      user: {
        ...{ id: 7, username: "wx_a", nickname: "阿明", avatar: "", registrationSource: "" },
        ...{ phone: "+8613800138000", createdAt: at, lastLoginAt: at },
      },
      accounts: [{ appId: "wx1", openid: "oPENID", unionid: "", createdAt: at }],
      sessions: [
        { id: "ended", appId: "wx1", device: "iPhone", ...times, endedAt: at },
        { id: "alive", appId: "wx1", device: "", ...times, endedAt: null },
      ],
      events: [{ kind: "user_enabled", at }],
    });
  });

  it("is deleted later, and tells when", async () => {
    const { app, calls } = setUp();
    const reply = await app.request("/api/v1/users/me", { method: "DELETE", headers });
    expect([reply.status, await reply.json()]).toEqual([
      202,
      { erasedAfter: "2026-12-01T00:00:00.000Z" },
    ]);
    expect(calls).toMatchObject([{ method: "deleteAccount", options: { token: "a.b.c" } }]);
  });

  it.each([
    ["GET", "/api/v1/users/me/export"],
    ["DELETE", "/api/v1/users/me"],
  ])("wants a token for %s %s", async (method, path) => {
    const { app, calls } = setUp();
    const reply = await app.request(path, { method });
    expect([reply.status, await reasonOf(reply)]).toEqual([401, "TOKEN_MISSING"]);
    expect(calls).toEqual([]);
  });
});

describe("errors", () => {
  const reasons = Object.keys(ErrorReason).filter((r) => r in HTTP_STATUS) as CallReason[];
  it.each(reasons)("%s has its status and messages", async (reason) => {
    const { login, state } = setUp();
    state.error = new IdentityCallError({ reason, message: "internal", retryAfterMs: 1_200 });
    for (const language of ["zh-CN", "en"] as const) {
      const reply = await login('{"code":"a"}', { "accept-language": language });
      const code = HTTP_STATUS[reason];
      expect(reply.status).toBe(code);
      expect(reply.headers.get("retry-after")).toBe("2");
      const requestId = reply.headers.get("x-request-id");
      const message = MESSAGES[reason][language];
      expect(await reply.json()).toEqual({ code, reason, message, requestId });
    }
  });

  it("answers the unforeseen alike, and routing by its own reasons", async () => {
    const { app, login, state } = setUp();
    state.error = new Error("secret");
    const reply = await login('{"code":"a"}');
    expect([reply.status, (await reply.text()).includes("secret")]).toEqual([500, false]);
    const get = await app.request("/api/v1/auth/mini-login");
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);
    const put = await app.request("/api/v1/users/me", { method: "PUT" });
    expect(put.headers.get("allow")).toBe("GET, HEAD, PATCH, POST, DELETE");
    expect(await reasonOf(await app.request("/nowhere"))).toBe("ROUTE_NOT_FOUND");
  });

  it.each([
    [undefined, "zh-CN"],
    ["fr", "zh-CN"],
    ["en-US,en;q=0.9", "en"],
    ["zh;q=0.5, en;q=0.8", "en"],
    ["en;q=0.5,zh", "zh-CN"],
    ["en,zh", "en"],
    ["zh,en", "zh-CN"],
    ["*", "zh-CN"],
  ])("%s prefers %s", (header, language) => expect(pickLanguage(header)).toBe(language));
});

describe("meta", () => {
  it("describes itself and loads its page from itself", async () => {
    const { app } = setUp();
    const response = await app.request("/openapi.json");
    const document = (await response.json()) as ReturnType<typeof app.getOpenAPI31Document>;
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths ?? {})).toContain("/api/v1/users/me");
    expect(document.components?.securitySchemes?.accessToken).toMatchObject({ scheme: "bearer" });
    expect(document.components?.schemas?.Error).toBeDefined();
    const page = await (await app.request("/docs")).text();
    const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(assets).toHaveLength(4);
    for (const asset of assets) expect((await app.request(asset)).status).toBe(200);
    expect((await app.request("/docs/package.json")).status).toBe(404);
    const jwks = await app.request("/.well-known/jwks.json");
    expect(jwks.headers.get("cache-control")).toBe("public, max-age=300");
  });
});
