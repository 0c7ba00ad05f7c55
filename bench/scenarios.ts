import { Pool } from "undici";
import { createIdentityClient, type IdentityCallError } from "../src/client.ts";
import type { ServerProcess } from "./processes.ts";
import type { Stage } from "./stage.ts";

/** One way to log in. */
export interface Scenario {
  name: string;
  /** Those whose CPU is told. */
  servers: ServerProcess[];
  /** Logs a known person in; rejects where that fails. */
  login(code: string): Promise<void>;
  /** Nobody is really logged in. */
  isEcho: boolean;
}

const CALL_TIMEOUT_MS = 10_000;

/** The scenarios in the order of the table, and the login of somebody new. */
export function createScenarios(
  opened: AsyncDisposableStack,
  { appId, echo, identity, gateway, all }: Stage,
  concurrency: number,
): { scenarios: Scenario[]; registration: Scenario["login"] } {
  const overGrpc = loginOverGrpc(opened, identity, appId);
  const overHttp = (server: ServerProcess) => loginOverHttp(opened, server, appId, concurrency);
  const scenario = (name: string, servers: ServerProcess[], login: Login, isEcho = false) => {
    return { name, servers, login: expecting(false, login), isEcho };
  };
  return {
    scenarios: [
      scenario("grpc-js echo", [echo], loginOverGrpc(opened, echo, appId), true),
      scenario("identity, gRPC", [identity], overGrpc),
      scenario("gateway and identity, HTTP", [gateway, identity], overHttp(gateway)),
      scenario("all in one, HTTP", [all], overHttp(all)),
    ],
    registration: expecting(true, overGrpc),
  };
}

/** Tells whether the person was new. */
type Login = (code: string) => Promise<boolean>;

function loginOverGrpc(opened: AsyncDisposableStack, server: ServerProcess, appId: string): Login {
  const target = String(server.addresses.grpc);
  const client = opened.adopt(createIdentityClient({ target, timeoutMs: CALL_TIMEOUT_MS }), (it) =>
    it.close(),
  );
  return async (code) => {
    try {
      return (await client.miniLogin({ code, appId })).isNewUser;
    } catch (error) {
      const { reason, message } = error as IdentityCallError;
      throw new Error(`${server.name} failed: ${reason}, ${message}`, { cause: error });
    }
  };
}

function loginOverHttp(
  opened: AsyncDisposableStack,
  server: ServerProcess,
  appId: string,
  connections: number,
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

function expecting(isNew: boolean, login: Login): Scenario["login"] {
  return async (code) => {
    if ((await login(code)) === isNew) return;
    throw new Error(isNew ? "a new person was known" : "a known person was registered");
  };
}
