import { randomInt } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
let victim: { id: string; openid: string; username: string; sessionId: string };
let token: string;
beforeAll(async () => {
  service = await startService();
  const { user, sessionId } = await service.grpc.miniLogin({ code: service.code("victim") });
  const id = String(user?.id);
  const [row] = await service.sql`select openid from mini_accounts where user_id = ${id}`;
  victim = { id, openid: row?.openid, username: user?.username ?? "", sessionId };
  token = (await service.grpc.miniLogin({ code: service.code("mallory") })).accessToken;
});
afterAll(() => service?.[Symbol.asyncDispose]());

/** Everything that is stored of the victim. */
const stored = async () =>
  JSON.stringify([
    await service.sql`select * from users where id = ${victim.id}`,
    await service.sql`select * from mini_accounts where user_id = ${victim.id}`,
    await service.sql`select * from sessions where user_id = ${victim.id}`,
  ]);

const pick = <T>(values: readonly T[]): T => values[randomInt(values.length)] as T;
const IDS = ["id", "user_id", "userId", "uid", "sub", "openid", "sid", "session_id", "username"];
const HEADERS = [
  "x-user-id",
  "x-subject",
  "x-openid",
  "x-forwarded-user",
  "x-original-user",
  "uid",
];

it("changes nobody else, whatever ids 10,000 requests name", async () => {
  const before = await stored();
  const idOf = () => pick([victim.id, victim.openid, victim.username, victim.sessionId]);
  const gatewayRequest = () => {
    const change = { nickname: "Mallory", ...(randomInt(2) ? { [pick(IDS)]: idOf() } : {}) };
    const path = pick(["", `?${pick(IDS)}=${idOf()}`, `/${idOf()}`, `;id=${idOf()}`]);
    return fetch(`${service.gateway}/api/v1/users/me${path}`, {
      method: "PATCH",
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        [pick(HEADERS)]: idOf(),
        cookie: `${pick(IDS)}=${idOf()}`,
      },
      body: JSON.stringify(change),
    });
  };
  const connectRequest = () =>
    fetch(
      `http://${service.identity.addresses.connect}/identity.v1.IdentityService/${pick([
        "UpdateProfile",
        "Logout",
        "RevokeSession",
        "DeleteAccount",
      ])}`,
      {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          [pick(HEADERS)]: idOf(),
        },
        body: JSON.stringify({ [pick([...IDS, "nickname"])]: idOf() }),
      },
    );
  for (let batch = 0; batch < 200; batch++) {
    const requests = Array.from({ length: 50 }, () =>
      (randomInt(2) ? gatewayRequest() : connectRequest()).then((response) => response.text()),
    );
    await Promise.all(requests);
    // Mallory may have logged out.
    if (batch % 20 === 19) {
      token = (await service.grpc.miniLogin({ code: service.code("mallory") })).accessToken;
    }
  }
  expect(await stored()).toBe(before);
}, 60_000);

it.each([
  ...["id", "userId", "openid", "unionid", "username", "version", "status", "disabled", "role"],
  ...["roles", "isAdmin", "admin", "scope", "scopes", "phone", "phoneMasked", "phone_index"],
  ...["registrationSource", "registration_source", "createdAt", "created_at", "updatedAt"],
  ...["lastLoginAt", "last_login_at", "sessionKey", "session_key", "appId", "token", "iss"],
  ...["expectedVersion", "constructor", "prototype", "toString"],
])("takes no %s from a client", async (name) => {
  const change = { nickname: "N", [name]: 1 };
  const response = await fetch(`${service.gateway}/api/v1/users/me`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(change),
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ reason: "INVALID_FIELD" });
});
