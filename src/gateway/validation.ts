import type { ZodError } from "zod";
import { GatewayError, type GatewayReason, HTTP_STATUS } from "./errors.ts";

/** Fields that have a reason of their own; a schema may name another as its error. */
const REASONS: Readonly<Record<string, GatewayReason>> = {
  code: "LOGIN_CODE_MALFORMED",
  nickname: "NICKNAME_INVALID",
  "userInfo.nickName": "NICKNAME_INVALID",
  avatar: "AVATAR_INVALID",
  "userInfo.avatarUrl": "AVATAR_INVALID",
};

/** Turns what a schema refuses into the error of the first field at fault. */
export function refuseInvalid(result: { success: true } | { success: false; error: ZodError }) {
  if (result.success) return;
  const [issue] = result.error.issues;
  const extra = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(extra === undefined ? [] : [extra])].join(".");
  // The name of an unknown field is the sender's own text: shown only where it is harmless.
  const field = /^[\w.-]{1,64}$/.test(path) ? path : "body";
  const own = issue?.message as GatewayReason;
  const ofField = Object.hasOwn(REASONS, field) ? REASONS[field] : undefined;
  const reason = Object.hasOwn(HTTP_STATUS, own) ? own : ofField;
  throw new GatewayError(reason ?? "INVALID_FIELD", { field });
}
