import { Agent } from "node:http";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { Pool } from "undici";
import { createIdentityClient, type IdentityCallError } from "../src/client.ts";
import { IdentityService } from "../src/gen/identity/v1/identity_service_pb.js";
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

export function loginOverConnect(
  opened: AsyncDisposableStack,
  server: ServerProcess,
  appId: string,
): Login {
  const baseUrl = `http://${server.addresses.connect}`;
  const agent = opened.adopt(new Agent({ keepAlive: true }), (it) => it.destroy());
  const nodeOptions = { agent };
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions });
  const client = createClient(IdentityService, transport);
  return async (code) =>
    (await client.miniLogin({ code, appId }, { timeoutMs: CALL_TIMEOUT_MS })).isNewUser;
}

export function loginOverHttp(
  opened: AsyncDisposableStack,
  server: ServerProcess,
  { appId, connections }: { appId: string; connections: number },
): Login {
  const limits = { headersTimeout: CALL_TIMEOUT_MS, bodyTimeout: CALL_TIMEOUT_MS };
  const pool = opened.adopt(
    new Pool(`http://${server.addresses.http}`, { connections, ...limits }),
    (it) => it.destroy(),
  );
  return async (code) => {
    const { statusCode, body } = await pool.request({
      method: "POST",
      path: "/api/v1/auth/mini-login",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code, appId }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${server.name} failed: HTTP ${statusCode}, ${text}`);
    return (JSON.parse(text) as { isNewUser: boolean }).isNewUser;
  };
}
