import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { formatAddress, listen } from "../../src/listen.ts";
import { runProcess, type ServiceProcess, startProcess } from "../support/process.ts";
import { ANY_PORTS, createFolder, HTTP_TIMEOUT_MS, isListening, login } from "./surroundings.ts";

/** All of the text on stderr, and in it the login. */
const WELCOME = /^\nmini-identity runs\.\n.*\n +(curl [^\n]+)\n\nCtrl-C ends it\.\n\n$/s;

let folder: ReturnType<typeof createFolder>;
beforeAll(() => {
  folder = createFolder();
});
afterAll(() => folder?.[Symbol.dispose]());

function startAll(): ServiceProcess {
  return startProcess("all", { env: { ...ANY_PORTS, DATA_DIR: folder.path }, cwd: folder.path });
}

/** Pastes the welcome's login into a shell. */
async function paste(line: string) {
  const { stdout } = await promisify(execFile)("bash", ["-c", line], { timeout: HTTP_TIMEOUT_MS });
  return JSON.parse(stdout);
}

async function readProfile(http: string, token: string) {
  const headers = { authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(HTTP_TIMEOUT_MS);
  const response = await fetch(`http://${http}/api/v1/users/me`, { headers, signal });
  return { status: response.status, body: await response.json() };
}

function postmaster(): { pid: number; pidFile: string } {
  const pidFile = join(folder.path, "postgres", "postmaster.pid");
  return { pid: Number.parseInt(readFileSync(pidFile, "utf8"), 10), pidFile };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Ends it and sees that nothing of it is left. */
async function expectCleanEnd(all: ServiceProcess, signal: "SIGINT" | "SIGTERM"): Promise<void> {
  // The welcome tells of PostgreSQL and Redis too.
  const [welcome] = await all.told(WELCOME);
  const addresses = new Set(welcome.match(/127\.0\.0\.1:\d+/g));
  expect([...addresses]).toEqual(expect.arrayContaining(Object.values(await all.ready())));
  expect(addresses.size).toBe(7);
  for (const address of addresses) expect(await isListening(address)).toBe(true);
  const { pid, pidFile } = postmaster();
  expect(isAlive(pid)).toBe(true);
  all.kill(signal);
  expect(await all.ended()).toBe(0);
  expect(all.said.lines).toContainEqual(expect.objectContaining({ event: "stopping", signal }));
  for (const address of addresses) expect(await isListening(address)).toBe(false);
  expect(existsSync(pidFile)).toBe(false);
  expect(isAlive(pid)).toBe(false);
}

it("runs on nothing, with a login to paste, and keeps people and tokens from one run to the next", {
  timeout: 90_000,
}, async () => {
  await using first = startAll();
  const addresses = await first.ready();
  expect(await first.line("ready")).toMatchObject({ level: "info", role: "all" });
  expect(Object.keys(addresses).sort()).toEqual(["connect", "grpc", "http", "ops", "simulator"]);
  for (const address of Object.values(addresses)) expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  const [, curl = ""] = await first.told(WELCOME);
  const alice = await paste(curl);
  expect(alice).toMatchObject({ isNewUser: true, user: { id: expect.any(Number) } });
  expect(await paste(curl)).toMatchObject({ isNewUser: false, user: { id: alice.user.id } });
  await expectCleanEnd(first, "SIGINT");

  await using second = startAll();
  const { http = "", simulator = "" } = await second.ready();
  const profile = await readProfile(http, alice.token);
  expect(profile).toMatchObject({ status: 200, body: { id: alice.user.id } });
  expect(await login(http, simulator, "alice")).toMatchObject({
    status: 200,
    body: { isNewUser: false, user: { id: alice.user.id } },
  });
  await expectCleanEnd(second, "SIGTERM");
});

it("refuses a second process on the same data folder, and says which one has it", {
  timeout: 60_000,
}, async () => {
  await using first = startAll();
  await first.ready();
  const env = { ...ANY_PORTS, DATA_DIR: folder.path };
  const { code, said } = await runProcess("all", { env, cwd: folder.path });
  expect(code).toBe(1);
  expect(said.stderr).toContain(`process ${first.pid} already uses`);
});

it("leaves no PostgreSQL behind when a port is taken", { timeout: 60_000 }, async () => {
  await using taken = createServer();
  const address = formatAddress(await listen(taken, { host: "127.0.0.1", port: 0 }));
  using other = createFolder();
  const env = { ...ANY_PORTS, GATEWAY_LISTEN: address, DATA_DIR: other.path };
  const { code, said } = await runProcess("all", { env, cwd: other.path });
  expect(code).toBe(1);
  expect(said.stderr).toBe(`mini-identity: cannot listen on ${address}: it is taken\n`);
  expect(existsSync(join(other.path, "postgres", "PG_VERSION"))).toBe(true);
  expect(existsSync(join(other.path, "postgres", "postmaster.pid"))).toBe(false);
});
