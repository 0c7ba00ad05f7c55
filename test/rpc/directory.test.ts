import { Code, ConnectError } from "@connectrpc/connect";
import type { ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IdentityCallError } from "../../src/client.ts";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import { CALLER_SECRET, startService, type TestService } from "../support/service.ts";

// WeChat's own example of encrypted data, and the moment it was made at.
const APP_ID = "wx4f4bc4dec97d474b";
const OPENID = "oGZUI0egBJY1zhBYw2KhdUfwVJJE";
const SESSION_KEY = "tiihtNczf5v6AKRyjwEUhQ==";
const NOW_MS = 1_477_314_187_000;
const IV = "r7BXXKkLb8qrSNn05n0qiA==";
const ENCRYPTED =
  "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC" +
  "+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poO" +
  "FtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8" +
  "xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB" +
  "6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJd" +
  "NiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOy" +
  "uxINew==";

let nowMs = NOW_MS;
let service: TestService;
let token: string;
let userId: bigint;
beforeAll(async () => {
  const env = { WX_MINI_APP_ID: APP_ID, WX_MINI_APP_SECRET: "0123456789abcdef0123456789abcdef" };
  service = await startService({ env, now: () => nowMs });
  const body = JSON.stringify({
    openid: OPENID,
    session_key: SESSION_KEY,
    unionid: "oUNION123456",
  });
  service.simulator.faults.set({ reply: { status: 200, contentType: "text/plain", body } });
  const login = await service.grpc.miniLogin({ code: service.code("band") });
  service.simulator.faults.clear();
  token = login.accessToken;
  userId = login.user?.id as bigint;
});
afterAll(() => service?.[Symbol.asyncDispose]());

const NOBODY = { userId: 999_999n };

const headers = { authorization: `Bearer ${CALLER_SECRET}` };
/** The same call over gRPC and over Connect. */
const WIRES = {
  grpc: (method: string, request: object) =>
    service.directory[method as "getUser"](request as never),
  connect: (method: string, request: object) =>
    service.directoryConnect[method as "getUser"](request as never, { headers }),
};

const person = () => ({
  user: { id: userId, nickname: "微信用户" },
  accounts: [{ appId: APP_ID, openid: OPENID, unionid: "oUNION123456" }],
});

describe.each(["grpc", "connect"] as const)("over %s", (wire) => {
  const call = (method: string, request: object) => WIRES[wire](method, request);
  const refusal = async (method: string, request: object) => {
    const error = await call(method, request).then(
      () => undefined,
      (it) => it,
    );
    if (error instanceof IdentityCallError) {
      return { code: (error.cause as ServiceError).code, reason: error.reason };
    }
    const { code } = error as ConnectError;
    return { code, reason: (error as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason };
  };

  it("finds a person by id, account and unionid", async () => {
    const account = { appId: APP_ID, openid: OPENID };
    for (const by of [
      { case: "id", value: userId },
      { case: "account", value: account },
      { case: "unionid", value: "oUNION123456" },
    ]) {
      expect((await call("getUser", { by })).user).toMatchObject(person());
    }
  });

  it.each([
    ["nobody's id", { case: "id", value: 999_999n }, "USER_NOT_FOUND", Code.NotFound],
    [
      "nobody's unionid",
      { case: "unionid", value: "oNOBODY12345" },
      "USER_NOT_FOUND",
      Code.NotFound,
    ],
    [
      "nobody's openid",
      { case: "account", value: { openid: "oNOBODY12345" } },
      "USER_NOT_FOUND",
      Code.NotFound,
    ],
    ["a negative id", { case: "id", value: -1n }, "INVALID_FIELD", Code.InvalidArgument],
    [
      "no openid",
      { case: "account", value: { openid: "?" } },
      "INVALID_FIELD",
      Code.InvalidArgument,
    ],
    ["no unionid", { case: "unionid", value: "" }, "INVALID_FIELD", Code.InvalidArgument],
    ["nothing", { case: undefined }, "INVALID_FIELD", Code.InvalidArgument],
    [
      "another app",
      { case: "account", value: { appId: "wxother", openid: OPENID } },
      "APP_UNKNOWN",
      Code.NotFound,
    ],
  ])("refuses to look for %s", async (_name, by, reason, code) => {
    expect(await refusal("getUser", { by })).toEqual({ code, reason });
  });

  it("finds many at once, each once, and leaves out who is not there", async () => {
    const reply = await call("batchGetUsers", { ids: [userId, 999_999n, userId] });
    expect((reply as unknown as { users: object[] }).users).toMatchObject([person()]);
    for (const ids of [[], Array.from({ length: 101 }, (_, i) => BigInt(i + 1)), [0n]]) {
      expect(await refusal("batchGetUsers", { ids })).toMatchObject({ reason: "INVALID_FIELD" });
    }
  });

  it("tells whom a token speaks for", async () => {
    expect(await call("verifyToken", { accessToken: token })).toMatchObject({
      user: { id: userId },
      appId: APP_ID,
      openid: OPENID,
      sessionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      expiresAt: { seconds: BigInt(NOW_MS / 1_000 + 2 * 3_600) },
    });
    const unauthenticated = { code: Code.Unauthenticated, reason: "TOKEN_INVALID" };
    expect(await refusal("verifyToken", { accessToken: "a.b.c" })).toEqual(unauthenticated);
    await service.sql`update users set disabled = true`;
    expect(await refusal("verifyToken", { accessToken: token })).toMatchObject({
      reason: "USER_DISABLED",
    });
    await service.sql`update users set disabled = false`;
  });

  it.each([
    ["openid", () => ({ openid: OPENID })],
    ["user id", () => ({ userId })],
  ])("decrypts WeChat's data of an %s", async (_name, owner) => {
    const reply = await call("decryptData", { ...owner(), encryptedData: ENCRYPTED, iv: IV });
    expect((reply as unknown as { data: object }).data).toMatchObject({
      openId: OPENID,
      nickName: "Band",
      watermark: { appid: APP_ID, timestamp: NOW_MS / 1_000 },
    });
  });

  it.each([
    ["DATA_REJECTED", Code.InvalidArgument, { encryptedData: ENCRYPTED.replace("+", " ") }],
    ["DATA_REJECTED", Code.InvalidArgument, { iv: "AAAA" }],
    ["DATA_REJECTED", Code.InvalidArgument, { encryptedData: "" }],
    ["SESSION_KEY_STALE", Code.FailedPrecondition, { encryptedData: `${"A".repeat(43)}=` }],
    ["SESSION_KEY_MISSING", Code.FailedPrecondition, { openid: "oNOBODY12345" }],
    ["USER_NOT_FOUND", Code.NotFound, { openid: "", ...NOBODY }],
    ["INVALID_FIELD", Code.InvalidArgument, { openid: "" }],
    ["INVALID_FIELD", Code.InvalidArgument, { ...NOBODY }],
    ["APP_UNKNOWN", Code.NotFound, { appId: "wxother" }],
  ])("refuses with %s (%s) to decrypt", async (reason, code, change) => {
    const request = { openid: OPENID, encryptedData: ENCRYPTED, iv: IV, ...change };
    expect(await refusal("decryptData", request)).toEqual({ code, reason });
  });

  it("refuses a watermark that is too old", async () => {
    nowMs = NOW_MS + 25 * 3_600_000;
    const request = { openid: OPENID, encryptedData: ENCRYPTED, iv: IV };
    expect(await refusal("decryptData", request)).toMatchObject({ reason: "DATA_REJECTED" });
    nowMs = NOW_MS;
  });

  it("verifies a signature over raw data", async () => {
    const { createHash } = await import("node:crypto");
    const rawData = '{"nickName":"Band"}';
    const signature = createHash("sha1")
      .update(rawData + SESSION_KEY)
      .digest("hex");
    await call("verifySignature", { openid: OPENID, rawData, signature });
    for (const change of [
      { rawData: `${rawData} ` },
      { signature: "0".repeat(40) },
      { signature: "" },
    ]) {
      const request = { openid: OPENID, rawData, signature, ...change };
      expect(await refusal("verifySignature", request)).toEqual({
        code: Code.InvalidArgument,
        reason: "DATA_REJECTED",
      });
    }
  });
});

describe("a caller", () => {
  const ask = async (authorization: string | undefined) => {
    const options = authorization === undefined ? {} : { headers: { authorization } };
    const by = { case: "id" as const, value: userId };
    const error: unknown = await service.directoryConnect
      .getUser({ by }, options)
      .catch((it: unknown) => it);
    return error instanceof ConnectError
      ? { code: error.code, reason: error.findDetails(ErrorInfoSchema)[0]?.reason }
      : undefined;
  };

  it.each([undefined, "Bearer nobody", "Basic x", "Bearer ", `Bearer ${CALLER_SECRET} x`])(
    "is unknown with %j",
    async (authorization) => {
      const unknown = { code: Code.Unauthenticated, reason: "CALLER_UNKNOWN" };
      expect(await ask(authorization)).toEqual(unknown);
    },
  );

  it("needs the scope", async () => {
    const forbidden = { code: Code.PermissionDenied, reason: "CALLER_FORBIDDEN" };
    expect(await ask("Bearer other")).toEqual(forbidden);
    expect(await ask(`Bearer ${CALLER_SECRET}`)).toBeUndefined();
  });

  it("is not a person: a person's token opens nothing", async () => {
    expect(await ask(`Bearer ${token}`)).toMatchObject({ reason: "CALLER_UNKNOWN" });
  });

  it("is told apart from a person: its secret is no token", async () => {
    const call = service.connect.getProfile({}, { headers });
    await expect(call).rejects.toMatchObject({ code: Code.Unauthenticated });
  });
});

it("names the session_key in no log", () => {
  expect(JSON.stringify(service.logs)).not.toContain(SESSION_KEY.slice(0, 22));
});
