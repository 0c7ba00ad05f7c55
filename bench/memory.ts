// Whether memory stays what it is, login after login: `npm run bench:memory`.
import { parseArgs } from "node:util";
import { createCodeSource, PEOPLE } from "./codes.ts";
import { runBench } from "./interrupt.ts";
import { runLoad } from "./load.ts";
import { loginOverHttp } from "./logins.ts";
import type { ServerProcess } from "./processes.ts";
import { openWorld } from "./site.ts";
import { openStores } from "./stores.ts";

const CONCURRENCY = 16;

/** Codes live for 5 minutes. */
const BATCH = 10_000;
const LINES = 20;

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      logins: { type: "string", default: "1000000" },
      role: { type: "string", default: "gateway" },
    },
  });
  const logins = Number(values.logins);
  await using opened = new AsyncDisposableStack();
  const world = await openWorld(opened, await openStores(opened), interrupted);
  const site = await world.openSite();
  const servers: ServerProcess[] = [];
  if (values.role === "all") {
    servers.push(await site.start("all"));
  } else {
    const identity = await site.start("identity");
    const IDENTITY_GRPC_TARGET = String(identity.addresses.grpc);
    servers.push(await site.start("gateway", { IDENTITY_GRPC_TARGET }), identity);
  }
  const [edge] = servers as [ServerProcess];
  const of = { appId: world.appId, connections: CONCURRENCY };
  const login = loginOverHttp(opened, edge, of);
  const issueCodes = createCodeSource(opened, world);
  const perform = async (code: string) => void (await login(code));
  const load = { concurrency: CONCURRENCY, signal: interrupted };
  await runLoad(perform, await issueCodes(PEOPLE), load);
  for (let done = 0; done < logins; ) {
    const count = Math.min(BATCH, logins - done);
    await runLoad(perform, await issueCodes(count), load);
    done += count;
    if (done % Math.max(BATCH, Math.floor(logins / LINES / BATCH) * BATCH) !== 0) continue;
    const used = await Promise.all(servers.map(toUsage));
    process.stdout.write(`after ${done.toLocaleString("en")} logins: ${used.join("; ")}\n`);
  }
}

async function toUsage(server: ServerProcess): Promise<string> {
  const [resident, heap, sockets] = await Promise.all([
    server.metric("process_resident_memory_bytes"),
    server.metric("nodejs_heap_size_used_bytes"),
    server.metric("process_open_fds"),
  ]);
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
  return `${server.name} ${mb(resident)} MB, of which heap in use ${mb(heap)} MB, ${sockets} files`;
}

await runBench(main);
