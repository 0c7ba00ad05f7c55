import { expect, it } from "vitest";
import { createIdentityClient, type IdentityClient } from "../../src/client.ts";
import type { LogLine, ServiceProcess } from "../support/process.ts";
import { startReplicas } from "./replicas.ts";
import { statusOf } from "./surroundings.ts";

const WORKERS = 2;

/** For a busy machine. */
const POLL = { timeout: 20_000, interval: 50 };

/** The workers that said that they work, in the order in which they did. */
function workersOf({ said }: ServiceProcess): { worker: number; pid: number }[] {
  const isWorking = ({ event }: LogLine) => event === "working";
  return said.lines.filter(isWorking) as never;
}

async function readHealth(ops: string) {
  const response = await fetch(`http://${ops}/readyz`);
  return { status: response.status, ...((await response.json()) as object) };
}

/** The calls that each worker has answered, by its number. */
function callsByWorker({ said }: ServiceProcess): Map<unknown, number> {
  const calls = said.lines.filter(({ event }) => event === "call");
  const byWorker = Map.groupBy(calls, ({ worker }) => worker);
  return new Map([...byWorker].map(([worker, lines]) => [worker, lines.length]));
}

it("serves with several workers behind one address, and replaces one that dies", {
  timeout: 90_000,
}, async () => {
  await using service = await startReplicas(0);
  const { simulator } = service;
  const { process: primary } = await service.start({ WORKERS: String(WORKERS) });
  const { grpc: target = "", ops = "" } = await primary.ready();
  await using opened = new AsyncDisposableStack();
  const settings = { target, timeoutMs: 10_000, connections: WORKERS };
  const connect = () => opened.adopt(createIdentityClient(settings), (it) => it.close());
  const client = connect();

  await expect.poll(() => workersOf(primary).length, POLL).toBe(WORKERS);
  expect(await readHealth(ops)).toMatchObject({
    status: 200,
    ready: true,
    parts: { workers: "up" },
  });
  for (let number = 0; number < 20; number++) {
    await client.miniLogin({ code: simulator.issueCode(`person-${number}`) });
  }
  await expect.poll(() => [...callsByWorker(primary).values()], POLL).toEqual([10, 10]);
  const metrics = await (await fetch(`http://${ops}/metrics`)).text();
  expect(metrics).toContain(
    'identity_rpc_seconds_count{method="MiniLogin",wire="grpc",reason="OK"} 20',
  );

  const [victim, other] = workersOf(primary);
  process.kill(victim?.pid ?? 0, "SIGKILL");
  expect(await primary.line("worker died")).toMatchObject({ worker: victim?.worker });
  // The other one serves meanwhile, and later the new one does too.
  await client.miniLogin({ code: simulator.issueCode("alice") });
  await expect.poll(() => workersOf(primary).length, POLL).toBe(WORKERS + 1);
  await expect.poll(() => readHealth(ops), POLL).toMatchObject({ parts: { workers: "up" } });
  const fresh = workersOf(primary).at(-1);
  // The connections of before went over to the other one, until they are 5 minutes old.
  const later = connect();
  const logInAndCount = async () => {
    await later.miniLogin({ code: simulator.issueCode("alice") });
    const calls = callsByWorker(primary);
    return Boolean(calls.get(fresh?.worker) && calls.get(other?.worker));
  };
  await expect.poll(logInAndCount, POLL).toBe(true);

  primary.kill("SIGTERM");
  expect(await primary.ended()).toBe(0);
  for (const { pid } of workersOf(primary)) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

/** Calls one after another until it is stopped; rejects with the first that fails. */
function callOn(client: IdentityClient, token: string, stopped: AbortSignal): Promise<number> {
  const run = async () => {
    let calls = 0;
    for (; !stopped.aborted; calls++) await client.getProfile({}, { token });
    return calls;
  };
  return run();
}

it("fails no call while all workers are replaced twice", { timeout: 120_000 }, async () => {
  await using service = await startReplicas(0);
  const { process: primary } = await service.start({ WORKERS: String(WORKERS), LOG_LEVEL: "info" });
  const { grpc: target = "" } = await primary.ready();
  await using opened = new AsyncDisposableStack();
  const settings = { target, timeoutMs: 10_000, connections: WORKERS };
  const client = opened.adopt(createIdentityClient(settings), (it) => it.close());
  const { accessToken } = await client.miniLogin({ code: service.simulator.issueCode("alice") });

  const stop = new AbortController();
  const callers = Array.from({ length: 16 }, () => callOn(client, accessToken, stop.signal));
  const replaced = () => primary.said.lines.filter(({ event }) => event === "replaced").length;
  for (let round = 1; round <= 2; round++) {
    primary.kill("SIGUSR2");
    await Promise.race([expect.poll(replaced, POLL).toBe(round), Promise.all(callers)]);
  }
  stop.abort();
  const calls = await Promise.all(callers);
  await expect.poll(() => workersOf(primary).length, POLL).toBe(3 * WORKERS);
  expect(Math.min(...calls)).toBeGreaterThan(0);
});

it("ends with its primary, however that ends", {
  timeout: 60_000,
}, async () => {
  await using service = await startReplicas(0);
  const { process: primary } = await service.start({ WORKERS: String(WORKERS) });
  const { ops = "" } = await primary.ready();
  primary.kill("SIGKILL");
  await primary.ended();
  const isAlive = () =>
    workersOf(primary).some(({ pid }) => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    });
  await expect.poll(isAlive, POLL).toBe(false);
  expect(await statusOf(`http://${ops}/healthz`)).toBe(0);
});
