import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AdminService } from "../../gen/identity/v1/admin_service_pb.js";
import {
  type AdminDeps,
  deleteUser,
  exportUser,
  revokeUserSessions,
  rotateSigningKey,
  setUserDisabled,
} from "../admin.ts";
import { toUserMessage } from "./convert.ts";
import { toAccountMessage } from "./convert-account.ts";
import { methodsOf } from "./method-table.ts";

/** One handler per RPC: convert, call, convert. */
export function createAdminMethods(deps: AdminDeps) {
  return methodsOf(AdminService, {
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
