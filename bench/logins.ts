import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Pool } from "undici";
import { createIdentityClient, type IdentityCallError } from "../src/client.ts";
import {
  IdentityService,
  MiniLoginRequestSchema,
  MiniLoginResponseSchema,
} from "../src/gen/identity/v1/identity_service_pb.js";
import type { ServerProcess } from "./processes.ts";

/** Logs in with a code; tells whether the person was new, and rejects where it fails. */
export type Login = (code: string) => Promise<boolean>;

export const CALL_TIMEOUT_MS = 10_000;

export function loginOverGrpc(
  opened: AsyncDisposableStack,
  server: ServerProcess,
  appId: string,
): Login {
  const target = String(server.addresses.grpc);
  const config = { target, timeoutMs: CALL_TIMEOUT_MS };
  const client = opened.adopt(createIdentityClient(config), (it) => it.close());
  return async (code) => {
    try {
      return (await client.miniLogin({ code, appId })).isNewUser;
    } catch (error) {
      const { reason, message } = error as IdentityCallError;
      throw new Error(`${server.name} failed: ${reason}, ${message}`, { cause: error });
    }
  };
}

/** As a Connect client sends it, whose own price would be higher than the server's. */
export function loginOverConnect(
  opened: AsyncDisposableStack,
  server: ServerProcess,
  { appId, connections }: { appId: string; connections: number },
): Login {
  const post = poster(opened, server, String(server.addresses.connect), {
    connections,
    path: `/${IdentityService.typeName}/${IdentityService.method.miniLogin.name}`,
    contentType: "application/proto",
  });
  return async (code) => {
    const request = toBinary(
      MiniLoginRequestSchema,
      create(MiniLoginRequestSchema, { code, appId }),
    );
    const body = await post(request);
    return fromBinary(MiniLoginResponseSchema, new Uint8Array(await body.arrayBuffer())).isNewUser;
  };
}

export function loginOverHttp(
  opened: AsyncDisposableStack,
  server: ServerProcess,
  { appId, connections }: { appId: string; connections: number },
): Login {
  const post = poster(opened, server, String(server.addresses.http), {
    connections,
    path: "/api/v1/auth/mini-login",
    contentType: "application/json",
  });
  return async (code) => {
    const body = await post(JSON.stringify({ code, appId }));
    return (JSON.parse(await body.text()) as { isNewUser: boolean }).isNewUser;
  };
}

/** Posts over so many connections; resolves to the body of what went well. */
function poster(
  opened: AsyncDisposableStack,
  { name }: ServerProcess,
  address: string,
  of: { connections: number; path: string; contentType: string },
) {
  const { connections, path, contentType } = of;
  const limits = { headersTimeout: CALL_TIMEOUT_MS, bodyTimeout: CALL_TIMEOUT_MS };
  const pool = opened.adopt(new Pool(`http://${address}`, { connections, ...limits }), (it) =>
    it.destroy(),
  );
  const headers = { "content-type": contentType };
  return async (content: string | Uint8Array) => {
    const { statusCode, body } = await pool.request({
      method: "POST",
      path,
      headers,
      body: content,
    });
    if (statusCode === 200) return body;
    throw new Error(`${name} failed: HTTP ${statusCode}, ${await body.text()}`);
  };
}
