import { expect, it } from "vitest";
import { startReplicas } from "../process/replicas.ts";
import { type FuzzTargets, fuzz } from "../support/fuzz.ts";
import { startProcess } from "../support/process.ts";

/** `npm run fuzz` makes a million, in rounds. */
const COUNT = Number(process.env.FUZZ_COUNT ?? 6_000);
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 1);

/** FUZZ_SEED=… makes the same ones again. */
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const SEEDS = Array.from({ length: ROUNDS }, (_, round) => FIRST_SEED + round);

/** For what a process may keep: caches, compiled code, buffers. */
const GROWTH_LIMIT_BYTES = 120 * 1024 * 1024;

async function residentBytes(ops: string): Promise<number> {
  const text = await (await fetch(`http://${ops}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}

it.each(SEEDS)(
  `lives through ${COUNT} hostile frames and bodies (seed %i)`,
  async (seed) => {
    await using service = await startReplicas(1);
    const { simulator, around, replicas } = service;
    const [{ process: identity, grpc }] = replicas;
    const addresses = await identity.ready();
    const env = { ...around.env, IDENTITY_GRPC_TARGET: addresses.grpc ?? "" };
    await using gateway = startProcess("gateway", { env, cwd: around.cwd });
    const edge = await gateway.ready();
    const { accessToken } = await grpc.miniLogin({ code: simulator.issueCode("alice") });
    const targets: FuzzTargets = {
      gateway: edge.http ?? "",
      connect: addresses.connect ?? "",
      grpc: addresses.grpc ?? "",
      ops: addresses.ops ?? "",
      token: accessToken,
      code: () => "made-up",
    };
    // What grows at first is compiled code, and the heap to the size that such a load wants.
    await fuzz(targets, { seed: seed + 1_000_000, count: Math.max(COUNT / 2, 14_000) });
    const operations = [addresses.ops ?? "", edge.ops ?? ""];
    const before = await Promise.all(operations.map(residentBytes));
    await fuzz(targets, { seed, count: COUNT });

    const after = await Promise.all(operations.map(residentBytes));
    for (const [i, bytes] of after.entries()) {
      expect(bytes - (before[i] as number)).toBeLessThan(GROWTH_LIMIT_BYTES);
    }
    const login = await grpc.miniLogin({ code: simulator.issueCode("alice") });
    expect(login.isNewUser).toBe(false);
    for (const { said, kill, ended } of [identity, gateway]) {
      const faults = said.lines.filter(
        ({ event, reason }) => event === "failed" || reason === "INTERNAL",
      );
      expect(faults.slice(0, 3)).toEqual([]);
      expect(said.stderr).toBe("");
      kill("SIGTERM");
      expect(await ended()).toBe(0);
    }
  },
  3_600_000,
);
