import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AdminService, type AuditEventSchema } from "../../gen/identity/v1/admin_service_pb.js";
import {
  type AdminDeps,
  deleteUser,
  exportUser,
  revokeUserSessions,
  rotateSigningKey,
  setUserDisabled,
} from "../admin.ts";
import { type MergeUsersDeps, mergeUsers } from "../merge-users.ts";
import { listAuditEvents, type OperatorListDeps, searchUsers } from "../operator-lists.ts";
import type { NotedEvent } from "../store/audit-log.ts";
import { toUserMessage } from "./convert.ts";
import { toAccountMessage } from "./convert-account.ts";
import { methodsOf } from "./method-table.ts";

export type AdminMethodDeps = AdminDeps & MergeUsersDeps & OperatorListDeps;

/** One handler per RPC: convert, call, convert. */
export function createAdminMethods(deps: AdminMethodDeps) {
  return methodsOf(AdminService, {
    searchUsers: {
      access: "admin",
      lane: "own",
      handle: async (request, by) => {
        const { items, nextPageToken } = await searchUsers(deps, request, by);
        return { users: items.map(toUserMessage), nextPageToken };
      },
    },
    mergeUsers: {
      access: "admin",
      lane: "own",
      handle: async (request, by) => ({ user: toUserMessage(await mergeUsers(deps, request, by)) }),
    },
    listAuditEvents: {
      access: "admin",
      lane: "own",
      handle: async (request) => {
        const { items, nextPageToken } = await listAuditEvents(deps, request);
        return { events: items.map(toEventMessage), nextPageToken };
      },
    },
    disableUser: {
      access: "admin",
      lane: "own",
      handle: async ({ userId }, by) => {
        return { user: toUserMessage(await setUserDisabled(deps, { userId, disabled: true }, by)) };
      },
    },
    enableUser: {
      access: "admin",
      lane: "own",
      handle: async ({ userId }, by) => {
        return {
          user: toUserMessage(await setUserDisabled(deps, { userId, disabled: false }, by)),
        };
      },
    },
    revokeUserSessions: {
      access: "admin",
      lane: "own",
      handle: async ({ userId }, by) => ({ revoked: await revokeUserSessions(deps, userId, by) }),
    },
    deleteUser: {
      access: "admin",
      lane: "own",
      handle: async ({ userId }, by) => {
        return { erasedAfter: timestampFromDate(await deleteUser(deps, userId, by)) };
      },
    },
    exportUser: {
      access: "admin",
      lane: "own",
      handle: async ({ userId }, by) => {
        return { account: toAccountMessage(await exportUser(deps, userId, by)) };
      },
    },
    rotateSigningKey: {
      access: "admin",
      lane: "own",
      handle: async ({ distrustPrevious }, by) => rotateSigningKey(deps, distrustPrevious, by),
    },
  });
}

function toEventMessage(event: NotedEvent): MessageInitShape<typeof AuditEventSchema> {
  const { id, at, kind, userId, details } = event;
  return { id: BigInt(id), at: timestampFromDate(at), kind, userId: BigInt(userId ?? 0), details };
}
