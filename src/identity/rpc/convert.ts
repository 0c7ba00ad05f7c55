import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { LoginSessionSchema } from "../../gen/identity/v1/identity_service_pb.js";
import type { UserSchema } from "../../gen/identity/v1/user_pb.js";
import type { LoginSession } from "../store/login-sessions.ts";
import type { User } from "../store/users.ts";

export function toUserMessage(user: User): MessageInitShape<typeof UserSchema> {
  return {
    id: BigInt(user.id),
    username: user.username,
    nickname: user.nickname,
    avatarUrl: user.avatarUrl,
    registrationSource: user.registrationSource,
    phoneMasked: user.phoneMasked,
    disabled: user.disabled,
    version: BigInt(user.version),
    createdAt: timestampFromDate(user.createdAt),
    lastLoginAt: timestampFromDate(user.lastLoginAt),
  };
}

export function toLoginSessionMessage(
  session: LoginSession & { isCurrent: boolean },
): MessageInitShape<typeof LoginSessionSchema> {
  const { id, appId, device, isCurrent: current } = session;
  const createdAt = timestampFromDate(session.createdAt);
  const lastUsedAt = timestampFromDate(session.lastUsedAt);
  return { id, appId, device, createdAt, lastUsedAt, current };
}
