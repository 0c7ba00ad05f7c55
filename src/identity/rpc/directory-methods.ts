import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  DirectoryService,
  type DirectoryUserSchema,
} from "../../gen/identity/v1/directory_service_pb.js";
import { type AuthenticateDeps, authenticate } from "../authenticate.ts";
import { batchGetUsers, type DirectoryDeps, getUser, type Person } from "../directory.ts";
import {
  checkSessionKey,
  decryptData,
  resetSessionKey,
  type SessionDataDeps,
  verifySignature,
} from "../session-data.ts";
import { toUserMessage } from "./convert.ts";
import { methodsOf } from "./method-table.ts";

export type DirectoryMethodDeps = DirectoryDeps & SessionDataDeps & AuthenticateDeps;

/** One handler per RPC: convert, call, convert. */
export function createDirectoryMethods(deps: DirectoryMethodDeps) {
  return methodsOf(DirectoryService, {
    getUser: {
      access: "directory",
      lane: "own",
      handle: async ({ by }) => ({ user: toDirectoryUser(await getUser(deps, by)) }),
    },
    batchGetUsers: {
      access: "directory",
      lane: "own",
      handle: async ({ ids }) => ({ users: (await batchGetUsers(deps, ids)).map(toDirectoryUser) }),
    },
    verifyToken: {
      access: "directory",
      lane: "own",
      handle: async ({ accessToken }) => {
        const { user, expiresAtMs, ...subject } = await authenticate(deps, accessToken);
        const { appId, openid, loginSessionId: sessionId } = subject;
        const expiresAt = timestampFromMs(expiresAtMs);
        return { user: toUserMessage(user), appId, openid, sessionId, expiresAt };
      },
    },
    decryptData: {
      access: "directory",
      lane: "own",
      handle: async ({ encryptedData, iv, ...owner }) => {
        const data = await decryptData(deps, owner, { encryptedData, iv });
        return { data: data as JsonObject };
      },
    },
    verifySignature: {
      access: "directory",
      lane: "own",
      handle: async ({ rawData, signature, ...owner }) => {
        await verifySignature(deps, owner, { rawData, signature });
        return {};
      },
    },
    checkSessionKey: {
      access: "directory",
      lane: "wechat",
      handle: async (owner, _caller, signal) => {
        return { valid: await checkSessionKey(deps, owner, signal) };
      },
    },
    resetSessionKey: {
      access: "directory",
      lane: "wechat",
      handle: async (owner, _caller, signal) => {
        await resetSessionKey(deps, owner, signal);
        return {};
      },
    },
  });
}

function toDirectoryUser(person: Person): MessageInitShape<typeof DirectoryUserSchema> {
  const { user, accounts, phone } = person;
  return {
    user: toUserMessage(user),
    phone,
    accounts: accounts.map(({ appId, openid, unionid = "" }) => ({ appId, openid, unionid })),
  };
}
