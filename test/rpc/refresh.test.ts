import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { refusalOf } from "../support/wires.ts";

let service: TestService;
let nowMs: number;
beforeAll(async () => {
  service = await startService({ now: () => nowMs });
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(() => {
  nowMs = Date.now();
});

const KEY = "refresh-key-00000001";

const logIn = (person: string) => service.grpc.miniLogin({ code: service.code(person) });
const refresh = (refreshToken: string, idempotencyKey?: string) =>
  service.grpc.refreshToken({ refreshToken, ...(idempotencyKey ? { idempotencyKey } : {}) });
const reasonOf = async (token: string) =>
  (await refusalOf(service, "grpc", { method: "getProfile", token }))?.reason;
const expectReused = (token: string, key?: string) =>
  expect(refresh(token, key)).rejects.toMatchObject({ reason: "REFRESH_TOKEN_REUSED" });
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

it("gives the next tokens of the same login, on every wire and at the gateway", async () => {
  const login = await logIn("alice");
  let { refreshToken } = login;
  const seen = new Set([refreshToken]);
  for (const client of [service.grpc, service.connect, service.grpcWeb, service.identity.client]) {
    const next = await client.refreshToken({ refreshToken });
    expect(next).toMatchObject({ expiresIn: 7_200n });
    const before = claimsOf(login.accessToken);
    const { jti, iat, exp, ...claims } = claimsOf(next.accessToken);
    expect(claims).toEqual({ ...before, jti: undefined, iat: undefined, exp: undefined });
    expect(jti).not.toBe(before.jti);
    expect(exp - iat).toBe(7_200);
    expect(await reasonOf(next.accessToken)).toBeUndefined();
    refreshToken = next.refreshToken;
    seen.add(refreshToken);
  }
  const response = await fetch(`${service.gateway}/api/v1/auth/refresh`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refreshToken }),
  });
  expect(await response.json()).toEqual({
    token: expect.stringMatching(/^ey/),
    expiresIn: 7_200,
    refreshToken: expect.stringMatching(/^[A-Za-z0-9_-]{86}$/),
  });
  expect(seen.size).toBe(5);
});

it("keeps no token readable in the database", async () => {
  const { refreshToken, sessionId } = await logIn("hidden");
  const [row] = await service.sql`select * from sessions where id = ${sessionId}`;
  const bytes = Buffer.from(refreshToken, "base64url");
  const stored = JSON.stringify(row);
  for (const part of [bytes, bytes.subarray(16, 32), bytes.subarray(32)]) {
    for (const encoding of ["base64url", "base64", "hex"] as const) {
      expect(stored).not.toContain(part.toString(encoding));
    }
  }
});

it("ends the login, and only it, when a token comes a second time", async () => {
  const login = await logIn("victim");
  const other = await logIn("victim");
  const next = await refresh(login.refreshToken);
  await expectReused(login.refreshToken);
  expect(await reasonOf(next.accessToken)).toBe("TOKEN_REVOKED");
  await expect(refresh(next.refreshToken)).rejects.toMatchObject({
    reason: "REFRESH_TOKEN_INVALID",
  });
  expect(await reasonOf(other.accessToken)).toBeUndefined();
  await refresh(other.refreshToken);
  await expectReused(login.refreshToken);
  const events = await service.sql`
    select details from audit_events
    where kind = 'refresh_token_reused' and user_id = ${String(login.user?.id)}`;
  expect(events).toEqual([
    { details: { loginSessionId: login.sessionId, appId: service.appId, device: "" } },
  ]);
});

it("knows a token however long ago it was used", async () => {
  const login = await logIn("grandfather");
  let { refreshToken } = login;
  for (let i = 0; i < 4; i++) refreshToken = (await refresh(refreshToken)).refreshToken;
  await expectReused(login.refreshToken, KEY);
  await expect(refresh(refreshToken)).rejects.toMatchObject({ reason: "REFRESH_TOKEN_INVALID" });
});

it("gives the same successor to a retry under the same key", async () => {
  const login = await logIn("subway");
  const next = await refresh(login.refreshToken, KEY);
  const again = await refresh(login.refreshToken, KEY);
  expect(again.refreshToken).toBe(next.refreshToken);
  expect(await reasonOf(again.accessToken)).toBeUndefined();
  await refresh(again.refreshToken, KEY);
  await expectReused(login.refreshToken, KEY);
});

it.each([
  ["another key", "refresh-key-00000002", 0],
  ["no key", undefined, 0],
  ["the same key, but after 10 s", KEY, 11],
] as const)("takes a retry under %s for a second use", async (_, key, seconds) => {
  const login = await logIn("thief");
  await refresh(login.refreshToken, KEY);
  await service.sql`
    update sessions set rotated_at = rotated_at - make_interval(secs => ${seconds})
    where id = ${login.sessionId}`;
  await expectReused(login.refreshToken, key);
});

it("does not end a login for a token that only names it", async () => {
  const { refreshToken, sessionId } = await logIn("named");
  const id = Buffer.from(sessionId.replaceAll("-", ""), "hex");
  const forged = Buffer.concat([id, Buffer.alloc(48, 7)]).toString("base64url");
  await expect(refresh(forged)).rejects.toMatchObject({ reason: "REFRESH_TOKEN_INVALID" });
  await refresh(refreshToken);
});

it("goes by the database's clock for the end of a login, not by its own", async () => {
  const login = await logIn("skewed");
  nowMs += 20 * 365 * 86_400_000;
  const { refreshToken } = await refresh(login.refreshToken);
  nowMs = Date.now();
  await service.sql`update sessions set expires_at = now() where id = ${login.sessionId}`;
  await expect(refresh(refreshToken)).rejects.toMatchObject({ reason: "REFRESH_TOKEN_INVALID" });
  expect(await reasonOf(login.accessToken)).toBe("TOKEN_REVOKED");
});

it("issues no access token that outlives its login", async () => {
  const login = await logIn("mayfly");
  await service.sql`
    update sessions set expires_at = now() + interval '100 seconds' where id = ${login.sessionId}`;
  const next = await refresh(login.refreshToken);
  expect(Number(next.expiresIn)).toBeGreaterThan(60);
  expect(Number(next.expiresIn)).toBeLessThanOrEqual(100);
  const { iat, exp } = claimsOf(next.accessToken);
  expect(exp - iat).toBe(Number(next.expiresIn));
});

it("does not prolong a login by refreshing it", async () => {
  const login = await logIn("eternal");
  const expiresAt = async () => {
    const [row] = await service.sql`select * from sessions where id = ${login.sessionId}`;
    return { end: Number(row?.expires_at), lifeMs: row?.expires_at - row?.created_at };
  };
  const before = await expiresAt();
  expect(before.lifeMs).toBe(30 * 86_400_000);
  await refresh(login.refreshToken);
  expect(await expiresAt()).toEqual(before);
});
