import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { AccountExportSchema } from "../../gen/identity/v1/account_pb.js";
import type { AccountData } from "../export-account.ts";
import { toUserMessage } from "./convert.ts";

export function toAccountMessage(data: AccountData): MessageInitShape<typeof AccountExportSchema> {
  const { user, phone } = data;
  return {
    user: toUserMessage(user),
    phone,
    miniAccounts: data.accounts.map(({ appId, openid, unionid, createdAt }) => {
      return { appId, openid, unionid: unionid ?? "", createdAt: timestampFromDate(createdAt) };
    }),
    sessions: data.loginSessions.map(({ id, appId, device, ...times }) => ({
      id,
      appId,
      device,
      createdAt: timestampFromDate(times.createdAt),
      lastUsedAt: timestampFromDate(times.lastUsedAt),
      expiresAt: timestampFromDate(times.expiresAt),
      endedAt: times.revokedAt ? timestampFromDate(times.revokedAt) : undefined,
    })),
    events: data.events.map(({ kind, at }) => ({ kind, at: timestampFromDate(at) })),
    erasedAfter: user.eraseAfter ? timestampFromDate(user.eraseAfter) : undefined,
  };
}
