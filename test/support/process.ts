import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** How long a test waits for a line or an end: for a busy machine, and less than a test has. */
const WAIT_TIMEOUT_MS = 25_000;

export interface ProcessOptions {
  /** The whole environment, but for PATH and HOME. */
  env: Readonly<Record<string, string>>;
  /** A folder without a stray .env. */
  cwd: string;
  /** The script; by default main.ts of this checkout. */
  script?: string;
}

/** A line of the log. */
export interface LogLine {
  event?: string;
  [name: string]: unknown;
}

/** What a process said so far. */
interface Said {
  lines: LogLine[];
  stdout: string;
  stderr: string;
}

/** A process of ours. Disposing ends it, however far it came. */
export interface ServiceProcess extends AsyncDisposable {
  readonly pid: number;
  readonly said: Readonly<Said>;
  /** The first line of this event; rejects when the process ends without it. */
  line(event: string): Promise<LogLine>;
  /** What stderr says, once it says this. */
  told(pattern: RegExp): Promise<RegExpExecArray>;
  /** The addresses of the ready line. */
  ready(): Promise<Record<string, string>>;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, or the signal that ended it, when all of its output is in. */
  ended(): Promise<number | string>;
}

/** A test that was given up at its time limit disposes of nothing. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/** A role, and what stands behind it on the command line. */
type Role = string | readonly [string, ...string[]];

/** Starts `node main.ts ROLE`. */
export function startProcess(
  role: Role,
  { script = MAIN, ...options }: ProcessOptions,
): ServiceProcess {
  return startCommand([process.execPath, script, ...[role].flat()], options);
}

/** Starts any program that speaks as ours do: JSON lines on stdout, one of them of the event `ready`. */
export function startCommand(
  [program, ...args]: readonly [string, ...string[]],
  { env, cwd }: Pick<ProcessOptions, "env" | "cwd">,
): ServiceProcess {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(program, args, {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const changes = new EventEmitter();
  const said = listenTo(child, changes);
  let end: number | string | undefined;
  running.add(child);
  child.once("close", (code, signal) => {
    running.delete(child);
    end = code ?? signal ?? "";
    changes.emit("change");
  });
  const waitFor = async <T>(what: string, find: () => T | undefined): Promise<T> => {
    const timeout = AbortSignal.timeout(WAIT_TIMEOUT_MS);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (end === undefined && !timeout.aborted) {
        await once(changes, "change", { signal: timeout }).catch(() => {});
        continue;
      }
      const state = end === undefined ? "runs" : `ended (${end})`;
      throw new Error(`${args.join(" ")} ${state} without ${what}\n${said.stdout}${said.stderr}`);
    }
  };
  const line = (event: string) =>
    waitFor(`"event":"${event}"`, () => said.lines.find((one) => one.event === event));
  return {
    pid: child.pid ?? 0,
    said,
    line,
    told: (pattern) => waitFor(`${pattern}`, () => pattern.exec(said.stderr) ?? undefined),
    ready: async () => (await line("ready")).addresses as Record<string, string>,
    kill: (signal) => child.kill(signal),
    ended: () => waitFor("an end", () => end),
    [Symbol.asyncDispose]: () => stop(child),
  };
}

/** Runs a role that is to end by itself; where it becomes ready instead, it is stopped. */
export async function runProcess(
  role: Role,
  options: ProcessOptions,
): Promise<{ code: number | string; said: Readonly<Said> }> {
  await using started = startProcess(role, options);
  started.ready().then(
    () => started.kill("SIGTERM"),
    () => {},
  );
  return { code: await started.ended(), said: started.said };
}

function listenTo({ stdout, stderr }: ChildProcess, changes: EventEmitter): Said {
  const said: Said = { lines: [], stdout: "", stderr: "" };
  if (!stdout || !stderr) throw new Error("no pipes");
  createInterface(stdout).on("line", (text) => {
    said.stdout += `${text}\n`;
    // A line that is no JSON fails the test: logs are JSON lines.
    said.lines.push(JSON.parse(text));
    changes.emit("change");
  });
  stderr.setEncoding("utf8").on("data", (text) => {
    said.stderr += text;
    changes.emit("change");
  });
  return said;
}

/** In order, since only then a PostgreSQL of its own ends too; the second signal ends at once. */
async function stop(child: ChildProcess): Promise<void> {
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  for (const signal of ["SIGTERM", "SIGTERM", "SIGKILL"] as const) {
    if (isGone()) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await Promise.race([exited, sleep(5_000, undefined, { ref: false })]);
  }
}
