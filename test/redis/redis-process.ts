import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createFolder } from "../process/surroundings.ts";
import { freeAddress } from "../support/free-address.ts";

/** Below it, so that the port of a cluster's bus, 10,000 above, is one too. */
const MAX_PORT = 55_000;

/** A redis-server of its own. Disposing ends it and removes what it wrote. */
export interface RedisProcess extends AsyncDisposable {
  readonly port: number;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** Starts redis-server with these lines of configuration, as a sentinel with `--sentinel`; from Debian's package. */
export async function startRedis(
  config: readonly string[],
  ...args: string[]
): Promise<RedisProcess> {
  await using opened = new AsyncDisposableStack();
  const dir = opened.use(createFolder()).path;
  const port = await freePort();
  const lines = [`port ${port}`, "bind 127.0.0.1", `dir ${dir}`, ...config];
  const file = join(dir, "redis.conf");
  writeFileSync(file, `${lines.join("\n")}\n`);
  const child = spawn("redis-server", [file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  opened.defer(kill);
  const said: string[] = [];
  const isReady = new Promise<boolean>((resolve) => {
    createInterface(child.stdout).on("line", (line) => {
      said.push(line);
      if (/Ready to accept connections|Sentinel ID is/.test(line)) resolve(true);
    });
  });
  if (!(await Promise.race([isReady, ended.then(() => false)]))) {
    throw new Error(`redis-server does not start: ${said.join("\n")}`);
  }
  const owned = opened.move();
  return { port, kill, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = Number((await freeAddress()).split(":")[1]);
    if (port < MAX_PORT) return port;
  }
}
