import { AdminService } from "../../gen/identity/v1/admin_service_pb.js";
import { type AdminDeps, revokeUserSessions, rotateSigningKey, setUserDisabled } from "../admin.ts";
import { toUserMessage } from "./convert.ts";
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
    rotateSigningKey: {
      access: "admin",
      lane: "own",
      handle: async ({ distrustPrevious }, by) => rotateSigningKey(deps, distrustPrevious, by),
    },
  });
}
