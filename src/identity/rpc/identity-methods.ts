import { IdentityService } from "../../gen/identity/v1/identity_service_pb.js";
import { type BindPhoneDeps, bindPhone } from "../bind-phone.ts";
import { IdentityError } from "../errors.ts";
import type { KeyRing } from "../keys.ts";
import { type LoginDeps, login } from "../login.ts";
import { getProfile, type ProfileDeps, updateProfile } from "../profile.ts";
import { toUserMessage } from "./convert.ts";
import { methodsOf } from "./method-table.ts";

export type IdentityMethodDeps = LoginDeps & ProfileDeps & BindPhoneDeps & { keys: KeyRing };

/** One handler per RPC: convert, call, convert. */
export function createIdentityMethods(deps: IdentityMethodDeps) {
  return methodsOf(IdentityService, {
    miniLogin: {
      access: "anyone",
      lane: "wechat",
      handle: async ({ code, appId, userInfo, idempotencyKey }, _caller, signal) => {
        checkIdempotencyKey(idempotencyKey);
        const input = { code, appId, userInfo: userInfo ?? {} };
        const { token, loginSessionId, user, ...done } = await login(deps, input, signal);
        return {
          accessToken: token.accessToken,
          expiresIn: BigInt(token.expiresInSeconds),
          sessionId: loginSessionId,
          user: toUserMessage(user),
          isNewUser: done.isNewUser,
          sessionKeyCached: done.sessionKeyCached,
        };
      },
    },
    getProfile: {
      access: "user",
      lane: "own",
      handle: async (_request, { userId }) => {
        return { user: toUserMessage(await getProfile(deps, userId)) };
      },
    },
    updateProfile: {
      access: "user",
      lane: "own",
      handle: async ({ nickname, avatarUrl, expectedVersion }, { userId }) => {
        const version = toVersion(expectedVersion);
        const change = { nickname, avatarUrl, expectedVersion: version };
        return { user: toUserMessage(await updateProfile(deps, userId, change)) };
      },
    },
    bindPhone: {
      access: "user",
      lane: "wechat",
      handle: async ({ code }, subject, signal) => {
        return { user: toUserMessage(await bindPhone(deps, subject, code, signal)) };
      },
    },
    getJwks: {
      access: "anyone",
      lane: "own",
      handle: async () => ({ keys: deps.keys.published() }),
    },
  });
}

function checkIdempotencyKey(key: string | undefined): void {
  if (key === undefined || /^[A-Za-z0-9_-]{16,64}$/.test(key)) return;
  const message = "idempotency_key is not 16 to 64 of A-Za-z0-9_-";
  throw new IdentityError("INVALID_FIELD", message, { field: "idempotency_key" });
}

function toVersion(version: bigint | undefined): number | undefined {
  if (version === undefined) return undefined;
  if (version >= 1n && version <= 0x7fff_ffffn) return Number(version);
  const message = "expected_version is no version of a profile";
  throw new IdentityError("INVALID_FIELD", message, { field: "expected_version" });
}
