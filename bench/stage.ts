import { existsSync } from "node:fs";
import { type ServerProcess, startServer } from "./processes.ts";
import { ECHO, FLOOR, FLOOR_HTTP, HOP, ORIGINAL } from "./programs.ts";
import { type Env, openWorld } from "./site.ts";
import type { Stores } from "./stores.ts";

/** Every server of the bench, each in a process of its own. */
export interface Stage {
  /** The bench's own mini program and database: what is theirs is nobody else's. */
  appId: string;
  database: string;
  servers: {
    wechat: ServerProcess;
    identity: ServerProcess;
    gateway: ServerProcess;
    all: ServerProcess;
    echo: ServerProcess;
    floor: ServerProcess;
    floorHttp: ServerProcess;
    /** Before the echo. */
    hop: ServerProcess;
    hopBeforeFloor: ServerProcess;
    /** Undefined where its packages are not installed: `npm ci` in bench/baselines/original. */
    original: ServerProcess | undefined;
  };
}

/** Starts them on a fresh database; `opened` ends them and removes what they wrote. */
export async function startStage(
  opened: AsyncDisposableStack,
  stores: Stores,
  signal: AbortSignal,
): Promise<Stage> {
  const { appId, wechat, openSite } = await openWorld(opened, stores, signal);
  const { database, env, start: startRole } = await openSite();
  const start = async (name: string, program: URL, of: Env) =>
    opened.use(await startServer(name, [program], { env: of, cwd: stores.dir, signal }));
  const identity = await startRole("identity");
  const gateway = await startRole("gateway", toTarget(identity));
  const all = await startRole("all");
  const echo = await start("echo", ECHO, {});
  const floor = await start("floor", FLOOR, env);
  const floorHttp = await start("floor over HTTP", FLOOR_HTTP, env);
  const hop = await start("hop", HOP, toTarget(echo));
  const hopBeforeFloor = await start("hop", HOP, toTarget(floor));
  const isInstalled = existsSync(new URL("node_modules", ORIGINAL));
  const original = isInstalled ? await start("original", ORIGINAL, env) : undefined;
  const ours = { identity, gateway, all };
  const baselines = { echo, floor, floorHttp, hop, hopBeforeFloor, original };
  return { appId, database: database.name, servers: { wechat, ...ours, ...baselines } };
}

function toTarget({ addresses }: ServerProcess): Env {
  return { IDENTITY_GRPC_TARGET: String(addresses.grpc) };
}
