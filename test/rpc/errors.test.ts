import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../src/gateway/error-response.ts";
import { ErrorReason } from "../../src/gen/identity/v1/error_reason_pb.js";
import { startService, type TestService } from "../support/service.ts";
import { type AnyCall, askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

let service: TestService;
let nowMs = Date.now();
beforeAll(async () => {
  service = await startService({ now: () => nowMs });
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(() => {
  // A quota that was used up is there again.
  nowMs += 60_000;
  service.simulator.faults.clear();
});

interface Row {
  reason: keyof typeof ErrorReason;
  /** What goes wrong, where one reason has several ways. */
  when?: string;
  code: Code;
  http: number;
  field?: string;
  hasRetry?: boolean;
  call: () => AnyCall | Promise<AnyCall>;
}

const login = (request: AnyCall["request"] = {}): AnyCall => {
  return { method: "miniLogin", request: { code: service.code("bob"), ...request } };
};

/** A login while WeChat answers this. */
const wechat = (errcode: number) => () => {
  service.simulator.faults.set({ errcode });
  return login();
};

const wechatReply = (status: number, body: string) => () => {
  service.simulator.faults.set({ reply: { status, contentType: "text/html", body } });
  return login();
};

async function person(name: string) {
  const reply = await service.grpc.miniLogin({ code: service.code(name) });
  const { accessToken: token, refreshToken, sessionId, user } = reply;
  return { token, refreshToken, sessionId, id: String(user?.id) };
}

const ROWS: Row[] = [
  {
    reason: "INVALID_FIELD",
    when: "idempotency_key",
    code: Code.InvalidArgument,
    http: 400,
    field: "idempotency_key",
    call: () => login({ idempotencyKey: "too short" }),
  },
  {
    reason: "LOGIN_CODE_MALFORMED",
    code: Code.InvalidArgument,
    http: 400,
    field: "code",
    call: () => login({ code: "a b" }),
  },
  {
    reason: "LOGIN_CODE_INVALID",
    code: Code.InvalidArgument,
    http: 400,
    call: () => login({ code: "nobody-got-this" }),
  },
  {
    reason: "LOGIN_CODE_USED",
    code: Code.Aborted,
    http: 409,
    call: async () => {
      const code = service.code("bob");
      await service.grpc.miniLogin({ code });
      return login({ code });
    },
  },
  { reason: "LOGIN_RISK_BLOCKED", code: Code.PermissionDenied, http: 403, call: wechat(40226) },
  {
    reason: "APP_UNKNOWN",
    code: Code.NotFound,
    http: 404,
    field: "app_id",
    call: () => login({ appId: "wxffffffffffffffff" }),
  },
  ...[40013, 40125, 40164, 40243, 41002, 41004].map((errcode): Row => {
    const call = wechat(errcode);
    const when = `errcode ${errcode}`;
    return { reason: "APP_MISCONFIGURED", when, code: Code.Internal, http: 500, call };
  }),
  {
    reason: "UPSTREAM_BUSY",
    when: "errcode -1",
    code: Code.Unavailable,
    http: 503,
    hasRetry: true,
    call: wechat(-1),
  },
  {
    reason: "UPSTREAM_BUSY",
    when: "HTTP 502",
    code: Code.Unavailable,
    http: 503,
    hasRetry: true,
    call: wechatReply(502, "<html>Bad Gateway</html>"),
  },
  {
    reason: "UPSTREAM_BUSY",
    when: "a cut connection",
    code: Code.Unavailable,
    http: 503,
    hasRetry: true,
    call: () => {
      service.simulator.faults.set({ cut: "before" });
      return login();
    },
  },
  {
    reason: "UPSTREAM_QUOTA",
    code: Code.ResourceExhausted,
    http: 429,
    hasRetry: true,
    call: wechat(45011),
  },
  ...[
    [200, "{}"],
    [200, "<html>hello</html>"],
    [200, ""],
    [200, "[]"],
    [200, "null"],
    [200, '{"errcode":"40029","errmsg":"invalid code"}'],
    [200, '{"errcode":null}'],
    [200, '{"openid":null,"session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}'],
    [200, '{"openid":"","session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}'],
    [200, '{"openid":7,"session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}'],
    [200, '{"openid":"oAAAAAAAAAA","session_key":"short"}'],
    [200, '{"openid":"o A","session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}'],
    [200, '{"openid":"oAAAAAAAAAA"}'],
    [200, '{"openid":"oAAAAAAAAAA","session_key":"AAAAAAAAAAAAAAAAAAAAAA==","unionid":{}}'],
    [200, '{"errcode":"0","openid":"oAAAAAAAAAA","session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}'],
    [200, '{"errcode":12345,"errmsg":"new"}'],
    [200, `{"openid":"${"o".repeat(70_000)}"}`],
    [302, ""],
    [404, "{}"],
  ].map(([status, body]): Row => {
    const call = wechatReply(Number(status), String(body));
    const when = `${status} ${String(body).slice(0, 90)}`;
    return { reason: "UPSTREAM_BAD_RESPONSE", when, code: Code.Internal, http: 502, call };
  }),
  {
    reason: "NICKNAME_INVALID",
    when: "at the login",
    code: Code.InvalidArgument,
    http: 400,
    field: "nickname",
    call: () => login({ userInfo: { nickname: "a\u0000b" } }),
  },
  {
    reason: "NICKNAME_INVALID",
    when: "at a change",
    code: Code.InvalidArgument,
    http: 400,
    field: "nickname",
    call: async () => {
      const { token } = await person("bob");
      return { method: "updateProfile", token, request: { nickname: "x".repeat(33) } };
    },
  },
  {
    reason: "AVATAR_INVALID",
    when: "at the login",
    code: Code.InvalidArgument,
    http: 400,
    field: "avatar_url",
    call: () => login({ userInfo: { avatarUrl: "https://127.0.0.1/a.png" } }),
  },
  {
    reason: "AVATAR_INVALID",
    when: "at a change",
    code: Code.InvalidArgument,
    http: 400,
    field: "avatar_url",
    call: async () => {
      const { token } = await person("bob");
      return { method: "updateProfile", token, request: { avatarUrl: "http://example.com/a" } };
    },
  },
  {
    reason: "PROFILE_CONFLICT",
    code: Code.Aborted,
    http: 409,
    field: "expected_version",
    call: async () => {
      const { token } = await person("bob");
      const request = { nickname: "Bob", expectedVersion: 999n };
      return { method: "updateProfile", token, request };
    },
  },
  {
    reason: "USER_NOT_FOUND",
    code: Code.NotFound,
    http: 404,
    call: async () => {
      const { token, id } = await person("gone");
      await service.sql`delete from mini_accounts where user_id = ${id}`;
      await service.sql`delete from users where id = ${id}`;
      return { method: "getProfile", token };
    },
  },
  ...(["miniLogin", "getProfile", "updateProfile"] as const).map(
    (method): Row => ({
      reason: "USER_DISABLED",
      when: method,
      code: Code.PermissionDenied,
      http: 403,
      call: async () => {
        const name = `disabled-${method}`;
        await service.sql`update users set disabled = false`;
        const { token, id } = await person(name);
        await service.sql`update users set disabled = true where id = ${id}`;
        const request = method === "miniLogin" ? { code: service.code(name) } : { nickname: "N" };
        return { method, token, request };
      },
    }),
  ),
  {
    reason: "TOKEN_MISSING",
    code: Code.Unauthenticated,
    http: 401,
    call: () => ({ method: "getProfile" }),
  },
  {
    reason: "TOKEN_INVALID",
    code: Code.Unauthenticated,
    http: 401,
    call: async () => {
      const { token } = await person("bob");
      return { method: "getProfile", token: `${token.slice(0, -6)}AAAAAA` };
    },
  },
  {
    reason: "TOKEN_EXPIRED",
    code: Code.Unauthenticated,
    http: 401,
    call: async () => {
      const { token } = await person("bob");
      nowMs += (2 * 3_600 + 31) * 1_000;
      return { method: "getProfile", token };
    },
  },
  ...(
    [
      ...(["getProfile", "updateProfile", "listSessions", "revokeSession", "logout"] as const),
      ...(["exportAccount", "deleteAccount"] as const),
    ] as const
  ).map(
    (method): Row => ({
      reason: "TOKEN_REVOKED",
      when: method,
      code: Code.Unauthenticated,
      http: 401,
      call: async () => {
        const { token, sessionId } = await person("bob");
        await service.grpc.logout({}, { token });
        return { method, token, request: { nickname: "N", sessionId } };
      },
    }),
  ),
  ...["", "?", "x".repeat(86), "x".repeat(4_000), "ａ".repeat(86), "a.b.c"].map(
    (refreshToken): Row => ({
      reason: "REFRESH_TOKEN_INVALID",
      when: `"${refreshToken.slice(0, 5)}" of ${refreshToken.length}`,
      code: Code.Unauthenticated,
      http: 401,
      field: "refresh_token",
      call: () => ({ method: "refreshToken", request: { refreshToken } }),
    }),
  ),
  {
    reason: "REFRESH_TOKEN_INVALID",
    when: "of a login that was ended",
    code: Code.Unauthenticated,
    http: 401,
    call: async () => {
      const { token, refreshToken } = await person("bob");
      await service.grpc.logout({}, { token });
      return { method: "refreshToken", request: { refreshToken } };
    },
  },
  {
    reason: "REFRESH_TOKEN_REUSED",
    code: Code.Unauthenticated,
    http: 401,
    field: "refresh_token",
    call: async () => {
      const { refreshToken } = await person("bob");
      await service.grpc.refreshToken({ refreshToken });
      return { method: "refreshToken", request: { refreshToken } };
    },
  },
  {
    reason: "USER_DISABLED",
    when: "refreshToken",
    code: Code.PermissionDenied,
    http: 403,
    call: async () => {
      await service.sql`update users set disabled = false`;
      const { id, refreshToken } = await person("disabled-refresh");
      await service.sql`update users set disabled = true where id = ${id}`;
      return { method: "refreshToken", request: { refreshToken } };
    },
  },
  {
    reason: "INVALID_FIELD",
    when: "idempotency_key of a refresh",
    code: Code.InvalidArgument,
    http: 400,
    field: "idempotency_key",
    call: async () => {
      const { refreshToken } = await person("bob");
      return { method: "refreshToken", request: { refreshToken, idempotencyKey: "too short" } };
    },
  },
  ...[
    ["another's", async () => (await person("mallory")).sessionId],
    ["nobody's", async () => "00000000-0000-4000-8000-000000000000"],
    ["malformed", async () => "1"],
  ].map(
    ([when, sessionOf]): Row => ({
      reason: "INVALID_FIELD",
      when: `session_id: ${when}`,
      code: Code.InvalidArgument,
      http: 400,
      field: "session_id",
      call: async () => {
        const { token } = await person("bob");
        const sessionId = await (sessionOf as () => Promise<string>)();
        return { method: "revokeSession", token, request: { sessionId } };
      },
    }),
  ),
];

describe.each(ROWS)("$reason $when", ({ reason, code, http, field, hasRetry = false, call }) => {
  it.each(RPC_WIRES)("on the wire %s", async (wire) => {
    const refusal = await refusalOf(service, wire, await call());
    expect(refusal).toMatchObject({ code, reason, hasRetry });
    if (field) expect(refusal?.field).toBe(field);
  });

  it("at the gateway", async () => {
    const response = await askGateway(service, await call());
    const body = (await response.json()) as ErrorBody;
    expect(body).toMatchObject({ code: http, reason });
    expect(response.status).toBe(http);
    expect(response.headers.get("x-request-id")).toBe(body.requestId);
    expect(response.headers.has("retry-after")).toBe(hasRetry);
  });
});

it("has a row for every reason but those of tests of their own", () => {
  const elsewhere = [
    "UNSPECIFIED",
    "APP_REQUIRED",
    "STORAGE_UNAVAILABLE",
    "OVERLOADED",
    // The gateway's limit.
    "RATE_LIMITED",
    "INTERNAL",
    // DirectoryService's.
    "CALLER_UNKNOWN",
    "CALLER_FORBIDDEN",
    "SESSION_KEY_MISSING",
    "SESSION_KEY_STALE",
    "DATA_REJECTED",
    // BindPhone's.
    "PHONE_CODE_INVALID",
    "PHONE_TAKEN",
  ];
  const reasons = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)));
  expect(new Set([...ROWS.map(({ reason }) => reason), ...elsewhere])).toEqual(new Set(reasons));
});

it("writes no row for a reply of WeChat that makes no sense", async () => {
  const count = async () => (await service.sql`select count(*) from mini_accounts`)[0]?.count;
  const before = await count();
  const bad = ROWS.filter(({ reason }) => reason === "UPSTREAM_BAD_RESPONSE");
  for (const { call } of bad) {
    const refusal = await refusalOf(service, "grpc", await call());
    expect(refusal?.reason).toBe("UPSTREAM_BAD_RESPONSE");
  }
  expect(await count()).toBe(before);
});

it("asks WeChat for nothing that it refuses by itself", async () => {
  const before = service.simulator.calls;
  const calls = [
    login({ code: "" }),
    login({ code: "x".repeat(129) }),
    login({ appId: "wxffffffffffffffff" }),
    login({ userInfo: { nickname: "\u202Eevil" } }),
    login({ userInfo: { avatarUrl: "https://user@example.com/" } }),
    login({ idempotencyKey: "?" }),
  ];
  for (const call of calls) expect(await refusalOf(service, "connect", call)).toBeDefined();
  expect(service.simulator.calls).toBe(before);
});
