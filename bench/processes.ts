import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const START_TIMEOUT_MS = 20_000;

/** More than a server of ours takes to drain. */
const STOP_TIMEOUT_MS = 15_000;

export interface ProcessOptions {
  /** Besides PATH and HOME. */
  env: Readonly<Record<string, string>>;
  /** A folder without a stray .env. */
  cwd: string;
  /** Ends the wait for its start. */
  signal: AbortSignal;
}

/** A server in a process of its own. Disposing ends it. */
export interface ServerProcess extends AsyncDisposable {
  readonly name: string;
  readonly addresses: Readonly<Record<string, string>>;
  /** The value of a metric without labels. */
  metric(name: string): Promise<number>;
}

/** A script and its arguments. */
export type Command = readonly [script: URL, ...args: string[]];

/** Starts it and waits for its ready line; `name` is for people. */
export async function startServer(
  name: string,
  command: Command,
  options: ProcessOptions,
): Promise<ServerProcess> {
  const { child, stderr } = start(command, options);
  const stop = () => end(child);
  try {
    const ended = once(child, "close").then(() => undefined);
    const ready = await within(Promise.race([findReadyLine(child), ended]), options.signal);
    if (!ready) throw new Error(`${name} does not start: ${stderr()}`);
    const metric = (metricName: string) => readMetric(`http://${ready.ops}/metrics`, metricName);
    return { name, addresses: ready, metric, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs it to its end; rejects unless that is a success. */
export async function runToEnd(command: Command, options: ProcessOptions): Promise<void> {
  const { child, stderr } = start(command, options);
  try {
    child.stdout?.resume();
    const [code] = await within(once(child, "close"), options.signal);
    if (code !== 0) throw new Error(`${command.at(-1)} failed: ${stderr()}`);
  } finally {
    await end(child);
  }
}

function start([script, ...args]: Command, { env, cwd }: ProcessOptions) {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, [fileURLToPath(script), ...args], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: Ctrl-C on the terminal reaches only us, who then stop it in order.
    detached: true,
  });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("close", () => process.off("exit", kill));
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2_000);
  });
  return { child, stderr: () => said.trim() };
}

/** What comes after it is read too, lest the process wait for us, and dropped. */
async function findReadyLine({ stdout }: ChildProcess): Promise<Record<string, string>> {
  if (!stdout) throw new Error("no pipe");
  const lines = createInterface(stdout);
  const addresses = await new Promise<Record<string, string>>((resolve) => {
    lines.on("line", (text) => {
      const { event, addresses } = JSON.parse(text);
      if (event === "ready") resolve(addresses);
    });
  });
  lines.close();
  stdout.removeAllListeners("data").resume();
  return addresses;
}

function within<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  const either = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
  const { promise: gone, reject } = Promise.withResolvers<never>();
  const abort = () => reject(either.reason);
  if (either.aborted) abort();
  either.addEventListener("abort", abort);
  return Promise.race([running, gone]).finally(() => either.removeEventListener("abort", abort));
}

async function readMetric(url: string, name: string): Promise<number> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  const found = new RegExp(`^${name} (\\S+)$`, "m").exec(await response.text())?.[1];
  if (found === undefined) throw new Error(`${url} has no ${name}`);
  return Number(found);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
