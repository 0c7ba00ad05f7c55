import type { CodeSource } from "./codes.ts";
import { type Login, loginOverConnect, loginOverGrpc, loginOverHttp } from "./logins.ts";
import type { ServerProcess } from "./processes.ts";
import type { Stage } from "./stage.ts";

/** One thing that is measured. */
export interface Scenario {
  name: string;
  /** A returning login of ours; what it is compared with; another operation of ours. */
  kind: "login" | "baseline" | "operation";
  /** Those whose CPU is told. */
  servers: ServerProcess[];
  /** What to perform it with, so many times: codes or tokens. */
  prepare(count: number): Promise<string[]>;
  /** Rejects where it fails. */
  perform(input: string): Promise<void>;
}

export interface Scenarios {
  scenarios: Scenario[];
  /** What registers the people who return, once on each database. */
  registrations: Scenario["perform"][];
}

/** The logins in the order of the table, each beside what it is compared with. */
export function createScenarios(
  opened: AsyncDisposableStack,
  { appId, servers }: Stage,
  { issueCodes, connections }: { issueCodes: CodeSource; connections: number },
): Scenarios {
  const { echo, floor, floorHttp, hop, hopBeforeFloor, original, identity, gateway, all } = servers;
  const overHttp = (server: ServerProcess) => loginOverHttp(opened, server, { appId, connections });
  const scenario =
    (kind: Scenario["kind"]) =>
    (name: string, of: ServerProcess[], login: Login): Scenario => {
      const perform = expecting(false, login);
      return { name, kind, servers: of, prepare: issueCodes, perform };
    };
  const [ours, baseline] = [scenario("login"), scenario("baseline")];
  const overGrpc = loginOverGrpc(opened, identity, appId);
  const scenarios = [
    baseline(NAMES.echo, [echo], loginOverGrpc(opened, echo, appId)),
    baseline(NAMES.floor, [floor], loginOverGrpc(opened, floor, appId)),
    ours(NAMES.grpc, [identity], overGrpc),
    ours(NAMES.connect, [identity], loginOverConnect(opened, identity, { appId, connections })),
    baseline(NAMES.hop, [hop], overHttp(hop)),
    baseline(NAMES.floorInTwo, [hopBeforeFloor, floor], overHttp(hopBeforeFloor)),
    ours(NAMES.gateway, [gateway, identity], overHttp(gateway)),
    baseline(NAMES.floorHttp, [floorHttp], overHttp(floorHttp)),
    ours(NAMES.all, [all], overHttp(all)),
  ];
  const registrations = [expecting(true, overGrpc)];
  if (original) {
    const login = overHttp(original);
    scenarios.push(baseline(NAMES.original, [original], login));
    registrations.push(expecting(true, login));
  }
  return { scenarios, registrations };
}

/** The rows that ratios are made of. */
export const NAMES = {
  echo: "grpc-js echo",
  floor: "the floor, gRPC",
  floorHttp: "the floor, HTTP",
  floorInTwo: "the hop and the floor, HTTP",
  grpc: "identity, gRPC",
  connect: "identity, Connect",
  hop: "Hono and grpc-js before the echo",
  gateway: "gateway and identity, HTTP",
  all: "all in one, HTTP",
  original: "the original design, HTTP",
} as const;

function expecting(isNew: boolean, login: Login): Scenario["perform"] {
  return async (code) => {
    if ((await login(code)) === isNew) return;
    throw new Error(isNew ? "a new person was known" : "a known person was registered");
  };
}
