import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import { AS_ADMIN, startService, type TestService } from "../support/service.ts";
import { askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

let service: TestService;
let nowMs: number;
beforeAll(async () => {
  service = await startService({ now: () => nowMs });
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(() => {
  nowMs = Date.now();
});

const logIn = (person: string, device = "") =>
  service.grpc.miniLogin({ code: service.code(person), device });
const reasonOf = async (token: string) =>
  (await refusalOf(service, "grpc", { method: "getProfile", token }))?.reason;

it("lists a person's own logins, with the device and the present one", async () => {
  const phone = await logIn("lister", "iPhone");
  const tablet = await logIn("lister", ` ${"iPad".repeat(20)}\u0000\u202E `);
  await logIn("somebody-else");
  const { sessions } = await service.grpc.listSessions({}, { token: phone.accessToken });
  expect(sessions).toMatchObject([
    { id: tablet.sessionId, device: "iPad".repeat(16), appId: service.appId, current: false },
    { id: phone.sessionId, device: "iPhone", appId: service.appId, current: true },
  ]);
  expect(sessions[1]?.createdAt).toEqual(sessions[1]?.lastUsedAt);
});

it("ends one login, at once, and leaves the others", async () => {
  const lost = await logIn("loser");
  const kept = await logIn("loser");
  const call = { method: "revokeSession", request: { sessionId: lost.sessionId } } as const;
  for (const wire of RPC_WIRES) {
    expect(await refusalOf(service, wire, { ...call, token: kept.accessToken })).toBeUndefined();
  }
  expect(await reasonOf(lost.accessToken)).toBe("TOKEN_REVOKED");
  const { refreshToken } = lost;
  await expect(service.grpc.refreshToken({ refreshToken })).rejects.toMatchObject({
    reason: "REFRESH_TOKEN_INVALID",
  });
  expect(await reasonOf(kept.accessToken)).toBeUndefined();
  const { sessions } = await service.grpc.listSessions({}, { token: kept.accessToken });
  expect(sessions.map(({ id }) => id)).toEqual([kept.sessionId]);
});

it("tells the company's services that a login has ended", async () => {
  const { accessToken } = await logIn("leaver");
  await service.directory.verifyToken({ accessToken });
  await service.grpc.logout({}, { token: accessToken });
  await expect(service.directory.verifyToken({ accessToken })).rejects.toMatchObject({
    reason: "TOKEN_REVOKED",
  });
});

it("shows, ends and leaves logins at the gateway", async () => {
  const agents = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.47(0x18002f2c) NetType/WIFI Language/zh_CN",
    "Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1.230804.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0 Mobile Safari/537.36 MicroMessenger/8.0.47",
  ];
  const replies = [];
  for (const agent of agents) {
    const response = await fetch(`${service.gateway}/api/v1/auth/mini-login`, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": agent },
      body: JSON.stringify({ code: service.code("walker") }),
    });
    replies.push((await response.json()) as { token: string; refreshToken: string });
  }
  const [first, second] = replies;
  const list = await askGateway(service, { method: "listSessions", token: first?.token });
  const { sessions } = (await list.json()) as { sessions: Record<string, unknown>[] };
  expect(sessions).toEqual([
    {
      id: expect.any(String),
      appId: service.appId,
      device: "23127PN0CC",
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      lastUsedAt: expect.any(String),
      current: false,
    },
    expect.objectContaining({ device: "iPhone", current: true }),
  ]);
  const sessionId = String(sessions[0]?.id);
  const revoke = { method: "revokeSession", request: { sessionId }, token: first?.token } as const;
  expect((await askGateway(service, revoke)).status).toBe(204);
  expect(await reasonOf(second?.token ?? "")).toBe("TOKEN_REVOKED");
  const logout = { method: "logout", token: first?.token } as const;
  expect((await askGateway(service, logout)).status).toBe(204);
  const again = await askGateway(service, logout);
  expect(await again.json()).toMatchObject({ code: 401, reason: "TOKEN_REVOKED" });
});

it("lets an operator end all logins of a person, who may log in again", async () => {
  const logins = [await logIn("target"), await logIn("target")];
  const bystander = await logIn("bystander");
  const userId = logins[0]?.user?.id ?? 0n;
  const revoke = () => service.adminConnect.revokeUserSessions({ userId }, AS_ADMIN);
  expect((await revoke()).revoked).toBe(2);
  expect((await revoke()).revoked).toBe(0);
  for (const { accessToken } of logins) expect(await reasonOf(accessToken)).toBe("TOKEN_REVOKED");
  expect(await reasonOf(bystander.accessToken)).toBeUndefined();
  expect(await reasonOf((await logIn("target")).accessToken)).toBeUndefined();
  const events = await service.sql`
    select details from audit_events
    where user_id = ${String(userId)} and kind = 'user_sessions_revoked' order by id`;
  expect(events.map(({ details }) => details)).toEqual([
    { by: "other", ended: 2 },
    { by: "other", ended: 0 },
  ]);
});

it("ends all logins of a person who is disabled, for good", async () => {
  const { accessToken, refreshToken, user } = await logIn("banned");
  const request = { userId: user?.id ?? 0n };
  const disabled = await service.adminConnect.disableUser(request, AS_ADMIN);
  expect(disabled.user).toMatchObject({ id: request.userId, disabled: true });
  expect(await reasonOf(accessToken)).toBe("USER_DISABLED");
  await expect(logIn("banned")).rejects.toMatchObject({ reason: "USER_DISABLED" });
  const enabled = await service.adminConnect.enableUser(request, AS_ADMIN);
  expect(enabled.user?.disabled).toBe(false);
  expect(await reasonOf(accessToken)).toBe("TOKEN_REVOKED");
  await expect(service.grpc.refreshToken({ refreshToken })).rejects.toMatchObject({
    reason: "REFRESH_TOKEN_INVALID",
  });
  expect(await reasonOf((await logIn("banned")).accessToken)).toBeUndefined();
});

it("ends also the logins that race with the end of all of them", async () => {
  const { user } = await logIn("racer");
  const userId = user?.id ?? 0n;
  for (let round = 0; round < 10; round++) {
    const logins = Array.from({ length: 8 }, () => logIn("racer").catch(() => undefined));
    await service.adminConnect.disableUser({ userId }, AS_ADMIN);
    const tokens = (await Promise.all(logins)).map((login) => login?.accessToken);
    await service.adminConnect.enableUser({ userId }, AS_ADMIN);
    for (const token of tokens) if (token) expect(await reasonOf(token)).toBe("TOKEN_REVOKED");
  }
});

it("lets nobody but an operator in, and knows who is not there", async () => {
  const calls = [
    service.adminConnect.disableUser,
    service.adminConnect.enableUser,
    service.adminConnect.revokeUserSessions,
    service.adminConnect.deleteUser,
    service.adminConnect.exportUser,
  ];
  const asTests = { headers: { authorization: "Bearer caller-secret-of-the-tests" } };
  for (const call of calls) {
    await expect(call({ userId: 1n })).rejects.toMatchObject({ code: Code.Unauthenticated });
    await expect(call({ userId: 1n }, asTests)).rejects.toMatchObject({
      code: Code.PermissionDenied,
    });
    const error = await call({ userId: 999_999n }, AS_ADMIN).catch((it) => it);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe("USER_NOT_FOUND");
    const bad = await call({ userId: 0n }, AS_ADMIN).catch((it) => it);
    expect(bad.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: "INVALID_FIELD",
      metadata: { field: "user_id" },
    });
  }
});

it.each([
  [-25, undefined],
  [-120, "TOKEN_INVALID"],
  [7_200 + 25, undefined],
  [7_200 + 120, "TOKEN_EXPIRED"],
] as const)("takes a token whose clock is apart by %i s for %s", async (seconds, reason) => {
  const { accessToken } = await logIn("traveller");
  nowMs += seconds * 1_000;
  expect(await reasonOf(accessToken)).toBe(reason);
});
