import { tmpdir } from "node:os";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { pino } from "pino";
import type { CallOptions, IdentityClient } from "../../src/client.ts";
import { toAvatarConfig } from "../../src/config-avatars.ts";
import {
  BindPhoneResponseSchema,
  DeleteAccountResponseSchema,
  ExportAccountResponseSchema,
  GetJwksResponseSchema,
  GetProfileResponseSchema,
  ListSessionsResponseSchema,
  LogoutResponseSchema,
  MiniLoginResponseSchema,
  RefreshTokenResponseSchema,
  RevokeSessionResponseSchema,
  UpdateProfileResponseSchema,
} from "../../src/gen/identity/v1/identity_service_pb.js";
import { createMetrics } from "../../src/metrics.ts";

const USER = { id: 7n, username: "wx_a", nickname: "阿明", avatarUrl: "", version: 3n };

/** Identity as its documented client, remembering what it was asked. */
export function fakeIdentity() {
  const calls: { method: string; request: object; options: CallOptions | undefined }[] = [];
  const state: { error?: unknown; hang?: Promise<void> } = {};
  const note = (method: string, request: object, options: CallOptions | undefined) => {
    calls.push({ method, request, options });
    if (state.error) throw state.error;
  };
  const identity: IdentityClient = {
    async miniLogin(request, options) {
      note("miniLogin", request, options);
      await state.hang;
      const reply = { accessToken: "a.b.c", expiresIn: 7200n, isNewUser: true, user: USER };
      return create(MiniLoginResponseSchema, reply);
    },
    async refreshToken(request, options) {
      note("refreshToken", request, options);
      const reply = { accessToken: "a.b.d", expiresIn: 7200n, refreshToken: "next" };
      return create(RefreshTokenResponseSchema, reply);
    },
    async logout(request, options) {
      note("logout", request, options);
      return create(LogoutResponseSchema);
    },
    async listSessions(request, options) {
      note("listSessions", request, options);
      const at = timestampFromMs(Date.UTC(2026, 10, 24));
      const one = { id: "sid", appId: "wx1", device: "iPhone", createdAt: at, lastUsedAt: at };
      return create(ListSessionsResponseSchema, { sessions: [{ ...one, current: true }] });
    },
    async revokeSession(request, options) {
      note("revokeSession", request, options);
      return create(RevokeSessionResponseSchema);
    },
    async getProfile(request, options) {
      note("getProfile", request, options);
      return create(GetProfileResponseSchema, { user: USER });
    },
    async updateProfile(request, options) {
      note("updateProfile", request, options);
      return create(UpdateProfileResponseSchema, { user: { ...USER, version: 4n } });
    },
    async bindPhone(request, options) {
      note("bindPhone", request, options);
      const user = { ...USER, phoneMasked: "138****8000", version: 4n };
      return create(BindPhoneResponseSchema, { user });
    },
    async exportAccount(request, options) {
      note("exportAccount", request, options);
      const at = timestampFromMs(Date.UTC(2026, 10, 24));
      const times = { createdAt: at, lastUsedAt: at, expiresAt: at };
      const account = {
        user: { ...USER, createdAt: at, lastLoginAt: at },
        phone: "+8613800138000",
        miniAccounts: [{ appId: "wx1", openid: "oPENID", unionid: "", createdAt: at }],
        sessions: [
          { id: "ended", appId: "wx1", device: "iPhone", ...times, endedAt: at },
          { id: "alive", appId: "wx1", device: "", ...times },
        ],
        events: [{ kind: "user_enabled", at }],
      };
      return create(ExportAccountResponseSchema, { account });
    },
    async deleteAccount(request, options) {
      note("deleteAccount", request, options);
      const erasedAfter = timestampFromMs(Date.UTC(2026, 11, 1));
      return create(DeleteAccountResponseSchema, { erasedAfter });
    },
    async getJwks(request, options) {
      note("getJwks", request, options);
      return create(GetJwksResponseSchema, { keys: [{ kty: "EC", kid: "k1" }] });
    },
    isReady: async () => true,
    close: () => {},
  };
  return { identity, calls, state };
}

/** A configuration and a silent log. */
export const config = {
  listen: { host: "127.0.0.1", port: 0 },
  identityTarget: "127.0.0.1:1",
  identityConnections: 1,
  timeoutMs: 4_000,
  maxBodyBytes: 8 * 1024,
  trustedProxies: [],
  loginLimit: { count: 300, windowSeconds: 60 },
  redis: undefined,
  avatars: toAvatarConfig({}, tmpdir()),
};
export const log = pino({ level: "silent" });
export const metrics = createMetrics().http;
