import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { UserSchema } from "../../gen/identity/v1/user_pb.js";
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
