// What more processes of identity give: `npm run bench:workers`.
import { parseArgs } from "node:util";
import { createDirectoryClient, createIdentityClient } from "../src/client.ts";
import { createCodeSource, PEOPLE } from "./codes.ts";
import { runBench } from "./interrupt.ts";
import { type LoadFigures, runLoad } from "./load.ts";
import { CALL_TIMEOUT_MS } from "./logins.ts";
import type { ServerProcess } from "./processes.ts";
import { median } from "./rows.ts";
import { CALLER_SECRET } from "./service-env.ts";
import { openWorld, type Site, type World } from "./site.ts";
import { openStores } from "./stores.ts";

const CONCURRENCY = 64;
const WARM_UP = 12_000;

/** To a process with workers: a connection is one worker's. */
const CONNECTIONS = 8;

interface Subject {
  name: string;
  servers: readonly ServerProcess[];
  target: string;
  connections: number;
}

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      operations: { type: "string", default: "6000" },
      rounds: { type: "string", default: "5" },
    },
  });
  const count = Number(values.operations);
  await using opened = new AsyncDisposableStack();
  const world = await openWorld(opened, await openStores(opened), interrupted);
  const site = await world.openSite();
  const load = { concurrency: CONCURRENCY, signal: interrupted };
  const rows = [];
  for (const subject of await startSubjects(site)) {
    const { logIn, verify } = connect(opened, world, subject);
    rows.push(
      { ...subject, name: `logins, ${subject.name}`, run: logIn, rounds: [] as Round[] },
      { ...subject, name: `VerifyToken, ${subject.name}`, run: verify, rounds: [] as Round[] },
    );
  }
  for (const { run } of rows) await run(WARM_UP, load);
  for (let round = 1; round <= Number(values.rounds); round++) {
    process.stderr.write(`round ${round}\n`);
    for (const { run, servers, rounds } of rows) {
      const before = await cpuSeconds(servers);
      const { loginsPerSecond } = await run(count, load);
      const cpu = ((await cpuSeconds(servers)) - before) / count;
      rounds.push({ perSecond: loginsPerSecond, cpuMicroseconds: cpu * 1e6 });
    }
  }
  for (const { name, rounds } of rows) {
    const of = (figure: keyof Round) => rounds.map((it) => it[figure]).sort((a, b) => a - b);
    const [rates, cpus] = [of("perSecond"), of("cpuMicroseconds")];
    process.stdout.write(
      `${name}: ${Math.round(median(rates))} a second (${Math.round(rates[0] ?? 0)}-${Math.round(rates.at(-1) ?? 0)}), \
CPU of identity ${Math.round(median(cpus))} µs each\n`,
    );
  }
}

interface Round {
  perSecond: number;
  cpuMicroseconds: number;
}

async function startSubjects(site: Site): Promise<Subject[]> {
  const alone = await site.start("identity");
  const workers = await site.start("identity", { WORKERS: "2" });
  const pair = [await site.start("identity"), await site.start("identity")];
  const [one, both] = [String(alone.addresses.grpc), String(workers.addresses.grpc)];
  const two = `ipv4:${pair.map(({ addresses }) => addresses.grpc).join(",")}`;
  return [
    { name: "one process", servers: [alone], target: one, connections: CONNECTIONS },
    { name: "WORKERS=2", servers: [workers], target: both, connections: CONNECTIONS },
    { name: "two processes, balanced", servers: pair, target: two, connections: 1 },
  ];
}

type Run = (
  count: number,
  load: { concurrency: number; signal: AbortSignal },
) => Promise<LoadFigures>;

function connect(
  opened: AsyncDisposableStack,
  world: World,
  { target, connections }: Subject,
): { logIn: Run; verify: Run } {
  const { appId } = world;
  const config = { target, connections, timeoutMs: CALL_TIMEOUT_MS };
  const client = opened.adopt(createIdentityClient(config), (it) => it.close());
  const directory = opened.adopt(
    createDirectoryClient({ ...config, secret: CALLER_SECRET }),
    (it) => it.close(),
  );
  const issueCodes = createCodeSource(opened, world);
  return {
    logIn: async (count, load) => {
      const login = async (code: string) => void (await client.miniLogin({ code, appId }));
      return runLoad(login, await issueCodes(count), load);
    },
    verify: async (count, load) => {
      const tokens: string[] = [];
      const login = async (code: string) => {
        tokens.push((await client.miniLogin({ code, appId })).accessToken);
      };
      await runLoad(login, await issueCodes(PEOPLE), load);
      const all = Array.from({ length: count }, (_, index) => String(tokens[index % PEOPLE]));
      const verifyToken = async (accessToken: string) =>
        void (await directory.verifyToken({ accessToken }));
      return runLoad(verifyToken, all, load);
    },
  };
}

async function cpuSeconds(servers: readonly ServerProcess[]): Promise<number> {
  const each = servers.map((server) => server.metric("process_cpu_seconds_total"));
  return (await Promise.all(each)).reduce((sum, it) => sum + it, 0);
}

await runBench(main);
