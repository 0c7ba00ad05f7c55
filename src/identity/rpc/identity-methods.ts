import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { IdentityService } from "../../gen/identity/v1/identity_service_pb.js";
import { type BindPhoneDeps, bindPhone } from "../bind-phone.ts";
import { type DeleteAccountDeps, deleteAccount } from "../delete-account.ts";
import { IdentityError } from "../errors.ts";
import { type ExportAccountDeps, exportAccount } from "../export-account.ts";
import type { KeyRing } from "../keys.ts";
import { type LoginDeps, login } from "../login.ts";
import {
  type LoginSessionDeps,
  listLoginSessions,
  logOut,
  revokeLoginSession,
} from "../login-sessions.ts";
import { type ProfileDeps, updateProfile } from "../profile.ts";
import { type RefreshDeps, refresh } from "../refresh.ts";
import { toLoginSessionMessage, toUserMessage } from "./convert.ts";
import { toAccountMessage } from "./convert-account.ts";
import { methodsOf } from "./method-table.ts";

export type IdentityMethodDeps = LoginDeps &
  RefreshDeps &
  LoginSessionDeps &
  ProfileDeps &
  ExportAccountDeps &
  DeleteAccountDeps &
  BindPhoneDeps & { keys: KeyRing };

/** One handler per RPC: convert, call, convert. */
export function createIdentityMethods(deps: IdentityMethodDeps) {
  return methodsOf(IdentityService, {
    miniLogin: {
      access: "anyone",
      lane: "wechat",
      handle: async ({ userInfo = {}, ...request }, _caller, signal) => {
        const { code, appId, device } = request;
        const idempotencyKey = toIdempotencyKey(request);
        const input = { code, appId, userInfo, idempotencyKey, device };
        const { token, refreshToken, user, ...done } = await login(deps, input, signal);
        return {
          accessToken: token.accessToken,
          expiresIn: BigInt(token.expiresInSeconds),
          refreshToken,
          sessionId: done.loginSessionId,
          user: toUserMessage(user),
          isNewUser: done.isNewUser,
          sessionKeyCached: done.sessionKeyCached,
        };
      },
    },
    refreshToken: {
      access: "anyone",
      lane: "own",
      handle: async (request) => {
        const { refreshToken, appId } = request;
        const idempotencyKey = toIdempotencyKey(request);
        const refreshed = await refresh(deps, { refreshToken, appId, idempotencyKey });
        const { accessToken, expiresInSeconds } = refreshed.token;
        const expiresIn = BigInt(expiresInSeconds);
        return { accessToken, expiresIn, refreshToken: refreshed.refreshToken };
      },
    },
    logout: {
      access: "user",
      lane: "own",
      handle: async (_request, who) => {
        await logOut(deps, who);
        return {};
      },
    },
    listSessions: {
      access: "user",
      lane: "own",
      handle: async (_request, who) => {
        return { sessions: (await listLoginSessions(deps, who)).map(toLoginSessionMessage) };
      },
    },
    revokeSession: {
      access: "user",
      lane: "own",
      handle: async ({ sessionId }, who) => {
        await revokeLoginSession(deps, who, sessionId);
        return {};
      },
    },
    getProfile: {
      access: "user",
      lane: "own",
      handle: async (_request, { user }) => ({ user: toUserMessage(user) }),
    },
    updateProfile: {
      access: "user",
      lane: deps.contentChecks ? "wechat" : "own",
      handle: async ({ nickname, avatarUrl, expectedVersion }, who, signal) => {
        const version = toVersion(expectedVersion);
        const change = { nickname, avatarUrl, expectedVersion: version };
        return { user: toUserMessage(await updateProfile(deps, who, change, signal)) };
      },
    },
    bindPhone: {
      access: "user",
      lane: "wechat",
      handle: async ({ code }, subject, signal) => {
        return { user: toUserMessage(await bindPhone(deps, subject, code, signal)) };
      },
    },
    exportAccount: {
      access: "user",
      lane: "own",
      handle: async (_request, { userId }) => {
        return { account: toAccountMessage(await exportAccount(deps, userId)) };
      },
    },
    deleteAccount: {
      access: "user",
      lane: "own",
      handle: async (_request, { userId }) => {
        return { erasedAfter: timestampFromDate(await deleteAccount(deps, userId)) };
      },
    },
    getJwks: {
      access: "anyone",
      lane: "own",
      handle: async () => ({ keys: deps.keys.published() }),
    },
  });
}

function toIdempotencyKey({ idempotencyKey: key }: { idempotencyKey?: string | undefined }) {
  if (key === undefined || /^[A-Za-z0-9_-]{16,64}$/.test(key)) return key;
  const message = "idempotency_key is not 16 to 64 of A-Za-z0-9_-";
  throw new IdentityError("INVALID_FIELD", message, { field: "idempotency_key" });
}

function toVersion(version: bigint | undefined): number | undefined {
  if (version === undefined) return undefined;
  if (version >= 1n && version <= 0x7fff_ffffn) return Number(version);
  const message = "expected_version is no version of a profile";
  throw new IdentityError("INVALID_FIELD", message, { field: "expected_version" });
}
