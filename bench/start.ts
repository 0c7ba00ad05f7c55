// How long a process takes from its start until it is ready, everything it needs being up: `npm run bench:start`.
import { parseArgs } from "node:util";
import { runBench } from "./interrupt.ts";
import { median } from "./rows.ts";
import { openWorld } from "./site.ts";
import { openStores } from "./stores.ts";

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({ options: { times: { type: "string", default: "15" } } });
  await using opened = new AsyncDisposableStack();
  const world = await openWorld(opened, await openStores(opened), interrupted);
  const site = await world.openSite();
  const standing = await site.start("identity");
  const IDENTITY_GRPC_TARGET = String(standing.addresses.grpc);
  for (const role of ["identity", "gateway", "all"] as const) {
    const times: number[] = [];
    for (let time = 0; time < Number(values.times); time++) {
      const startedMs = performance.now();
      const server = await site.start(role, { IDENTITY_GRPC_TARGET });
      times.push((performance.now() - startedMs) / 1_000);
      await server[Symbol.asyncDispose]();
    }
    times.sort((a, b) => a - b);
    const [least, most] = [times[0] ?? 0, times.at(-1) ?? 0];
    process.stdout.write(
      `${role}: ${median(times).toFixed(2)} s (${least.toFixed(2)}-${most.toFixed(2)}, ${times.length} times)\n`,
    );
  }
}

await runBench(main);
