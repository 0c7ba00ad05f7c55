import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { IdentityService } from "../../gen/identity/v1/identity_service_pb.js";
import { IdentityError } from "../errors.ts";
import type { KeyRing } from "../keys.ts";
import { type LoginDeps, login } from "../login.ts";
import { getProfile, type ProfileDeps, updateProfile } from "../profile.ts";
import type { Subject } from "../tokens.ts";
import { toUserMessage } from "./convert.ts";

export type HandlerDeps = LoginDeps & ProfileDeps & { keys: KeyRing };

type Handler<Method extends DescMethodUnary, Caller> = (
  request: MessageShape<Method["input"]>,
  caller: Caller,
  signal: AbortSignal,
) => Promise<MessageInitShape<Method["output"]>>;

/** What a method waits for: each has a bound of its own, so that a slow WeChat holds up no profile. */
export type Lane = "wechat" | "own";

/** A method and who may call it. A method that is not in the table is refused. */
type Entry<Method extends DescMethodUnary> =
  | { access: "anyone"; lane: Lane; handle: Handler<Method, undefined> }
  | { access: "user"; lane: Lane; handle: Handler<Method, Subject> };

type Methods = (typeof IdentityService)["method"];
export type MethodTable = { readonly [Name in keyof Methods]: Entry<Methods[Name]> };

/** One handler per RPC: convert, call, convert. */
export function createMethods(deps: HandlerDeps): MethodTable {
  return {
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
    getJwks: {
      access: "anyone",
      lane: "own",
      handle: async () => ({ keys: deps.keys.published() }),
    },
  };
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
