import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** How long a test waits for a line or an end: long enough for a busy machine. */
const WAIT_TIMEOUT_MS = 25_000;

/** Every listener on a port of its own. */
export const ANY_PORTS = {
  GRPC_LISTEN: "127.0.0.1:0",
  CONNECT_LISTEN: "127.0.0.1:0",
  GATEWAY_LISTEN: "127.0.0.1:0",
  OPS_LISTEN: "127.0.0.1:0",
  SIMULATOR_LISTEN: "127.0.0.1:0",
} as const;

/** A line of the log. */
export type LogLine = { event?: string; [name: string]: unknown };

export interface ProcessOptions {
  /** Over nothing but PATH and HOME. */
  env: Readonly<Record<string, string>>;
  /** A folder without a stray .env. */
  cwd: string;
  /** What follows `node`; by default this checkout's main.ts. */
  entry?: readonly string[];
}

/** A process of ours, with what it said so far. Disposing ends it, however far it came. */
export interface ServiceProcess extends AsyncDisposable {
  readonly pid: number;
  readonly lines: readonly LogLine[];
  readonly stderr: string;
  /** Everything on stdout and stderr. */
  readonly output: string;
  /** The first line of this event; rejects when the process ends without it. */
  line(event: string): Promise<LogLine>;
  /** The addresses of the ready line. */
  ready(): Promise<Record<string, string>>;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it, once all output is in. */
  ended(): Promise<number | NodeJS.Signals>;
}

/** Starts `main.ts ROLE …`; what `role` holds comes after the entry point. */
export function startProcess(
  role: string | readonly string[],
  { env, cwd, entry = [MAIN] }: ProcessOptions,
): ServiceProcess {
  const child = spawn(process.execPath, [...entry, ...[role].flat()], {
    cwd,
    env: { ...cleanEnv(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const changes = new EventEmitter();
  const lines: LogLine[] = [];
  let [stdout, stderr] = ["", ""];
  createInterface(child.stdout).on("line", (text) => {
    stdout += `${text}\n`;
    lines.push(JSON.parse(text));
    changes.emit("change");
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  let end: number | NodeJS.Signals | undefined;
  child.once("close", (code, signal) => {
    end = code ?? signal ?? 0;
    changes.emit("change");
  });
  const waitFor = async <T>(what: string, find: () => T | undefined): Promise<T> => {
    const signal = AbortSignal.timeout(WAIT_TIMEOUT_MS);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      const state = end === undefined ? "runs" : `ended with ${end}`;
      const failure = `${[role].flat().join(" ")} ${state} without ${what}:\n${stdout}${stderr}`;
      if (end !== undefined) throw new Error(failure);
      await once(changes, "change", { signal }).catch(() => {
        throw new Error(failure);
      });
    }
  };
  const line = (event: string) =>
    waitFor(`the line ${event}`, () => lines.find((one) => one.event === event));
  const ended = () => waitFor("an end", () => end);
  return {
    pid: child.pid ?? 0,
    lines,
    get stderr() {
      return stderr;
    },
    get output() {
      return stdout + stderr;
    },
    line,
    ready: async () => (await line("ready")).addresses as Record<string, string>,
    kill: (signal) => void child.kill(signal),
    ended,
    [Symbol.asyncDispose]: () => (end === undefined ? end_(child) : Promise.resolve()),
  };
}
