import { ConnectError } from "@connectrpc/connect";
import type { ServiceError } from "@grpc/grpc-js";
import { type CallOptions, IdentityCallError } from "../../src/client.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../src/gen/google/rpc/error_details_pb.js";
import type { TestService } from "./service.ts";

/** A call that every wire can carry. */
export interface AnyCall {
  method:
    | "miniLogin"
    | "refreshToken"
    | "logout"
    | "listSessions"
    | "revokeSession"
    | "getProfile"
    | "updateProfile"
    | "exportAccount"
    | "deleteAccount"
    | "getJwks";
  request?: {
    code?: string;
    appId?: string;
    userInfo?: { nickname?: string; avatarUrl?: string };
    idempotencyKey?: string;
    nickname?: string;
    avatarUrl?: string;
    expectedVersion?: bigint;
    refreshToken?: string;
    sessionId?: string;
  };
  token?: string | undefined;
}

/** What a caller sees of an error. */
export interface Refusal {
  /** The gRPC code, or the HTTP status at the gateway. */
  code: number;
  reason: string | undefined;
  field: string | undefined;
  hasRetry: boolean;
  message: string;
}

export const RPC_WIRES = ["grpc", "connect", "grpcWeb"] as const;

/** Makes the call on one of the RPC wires; undefined when it succeeds. */
export async function refusalOf(
  service: TestService,
  wire: (typeof RPC_WIRES)[number],
  { method, request = {}, token }: AnyCall,
): Promise<Refusal | undefined> {
  try {
    if (wire === "grpc") {
      const options: CallOptions = token === undefined ? {} : { token };
      await service.grpc[method](request, options);
    } else {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      await service[wire][method](request, { headers });
    }
    return undefined;
  } catch (error) {
    return error instanceof ConnectError ? ofConnect(error) : ofGrpc(error as IdentityCallError);
  }
}

function ofGrpc(error: IdentityCallError): Refusal {
  if (!(error instanceof IdentityCallError)) throw error;
  const { code } = error.cause as ServiceError;
  const { reason, field, message, retryAfterMs } = error;
  return { code, reason, field, message, hasRetry: retryAfterMs !== undefined };
}

/** What a caller over Connect sees. */
export function ofConnect(error: ConnectError): Refusal {
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  return {
    code: error.code,
    reason: info?.domain === "identity" ? info.reason : undefined,
    field: bad?.fieldViolations[0]?.field,
    hasRetry: error.findDetails(RetryInfoSchema).length > 0,
    message: error.rawMessage,
  };
}

/** Makes the call at the gateway. */
export function askGateway(
  { gateway }: TestService,
  { method, request = {}, token }: AnyCall,
): Promise<Response> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { "content-type": "application/json", ...authorization };
  const { code, appId, userInfo, idempotencyKey, refreshToken, sessionId } = request;
  const { nickname, avatarUrl, expectedVersion } = request;
  switch (method) {
    case "miniLogin":
      return fetch(`${gateway}/api/v1/auth/mini-login`, {
        method: "POST",
        headers: idempotencyKey ? { ...headers, "idempotency-key": idempotencyKey } : headers,
        body: JSON.stringify({
          code,
          appId,
          userInfo: userInfo && { nickName: userInfo.nickname, avatarUrl: userInfo.avatarUrl },
        }),
      });
    case "refreshToken":
      return fetch(`${gateway}/api/v1/auth/refresh`, {
        method: "POST",
        headers: idempotencyKey ? { ...headers, "idempotency-key": idempotencyKey } : headers,
        body: JSON.stringify({ refreshToken }),
      });
    case "logout":
      return fetch(`${gateway}/api/v1/auth/logout`, { method: "POST", headers });
    case "listSessions":
      return fetch(`${gateway}/api/v1/auth/sessions`, { headers });
    case "revokeSession":
      return fetch(`${gateway}/api/v1/auth/sessions/${sessionId}`, { method: "DELETE", headers });
    case "updateProfile":
      return fetch(`${gateway}/api/v1/users/me`, {
        method: "PATCH",
        headers: expectedVersion ? { ...headers, "if-match": `"${expectedVersion}"` } : headers,
        body: JSON.stringify({ nickname, avatar: avatarUrl }),
      });
    case "getProfile":
      return fetch(`${gateway}/api/v1/users/me`, { headers });
    case "exportAccount":
      return fetch(`${gateway}/api/v1/users/me/export`, { headers });
    case "deleteAccount":
      return fetch(`${gateway}/api/v1/users/me`, { method: "DELETE", headers });
    case "getJwks":
      return fetch(`${gateway}/.well-known/jwks.json`);
  }
}
