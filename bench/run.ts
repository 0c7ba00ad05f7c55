// What our work costs, beside what it could cost at least and what the original design costs: `npm run bench`.
import { createCodeSource, neverSeen, PEOPLE } from "./codes.ts";
import { countPerLogin } from "./counts.ts";
import { flood } from "./flood.ts";
import { runBench } from "./interrupt.ts";
import { type LoadOptions, runLoad } from "./load.ts";
import { createOperations } from "./operations.ts";
import { readOptions } from "./options.ts";
import { toRatios } from "./ratios.ts";
import { writeResults } from "./results.ts";
import { type Round, type Row, summarise } from "./rows.ts";
import { createScenarios, type Scenario } from "./scenarios.ts";
import { startStage } from "./stage.ts";
import { openStores } from "./stores.ts";
import { toTable } from "./table.ts";

/** V8 goes on compiling and recompiling a scenario's code for about so many operations. */
const FIRST_WARM_UP = 6_000;

/** Before each round: the pools, which close when idle, are to be open again. */
const WARM_UP = 500;

/** A round takes seconds; one that takes longer than this hangs. */
const ROUND_TIMEOUT_MS = 60_000;

const HALF_LOAD_SECONDS = 4;
const SETTLE_MS = 1_000;

async function main(interrupted: AbortSignal): Promise<void> {
  const { concurrency, operations, rounds, only } = readOptions();
  await using opened = new AsyncDisposableStack();
  const stores = await openStores(opened);
  const stage = await startStage(opened, stores, interrupted);
  const from = { wechat: stage.servers.wechat, appId: stage.appId };
  const issueCodes = createCodeSource(opened, from);
  const of = { issueCodes, connections: concurrency };
  const { registrations, scenarios: logins } = createScenarios(opened, stage, of);
  const issueNewCodes = createCodeSource(opened, from, neverSeen());
  const others = createOperations(opened, stage, issueCodes, issueNewCodes);
  const isWanted = ({ name }: Scenario) =>
    only.length === 0 || only.some((it) => name.startsWith(it));
  const scenarios = [...logins, ...others].filter(isWanted);
  const load = (): LoadOptions => {
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(ROUND_TIMEOUT_MS)]);
    return { concurrency, signal };
  };
  if (!stage.servers.original) {
    process.stderr.write("without the original design: npm ci --prefix bench/baselines/original\n");
  }

  for (const register of registrations) await runLoad(register, await issueCodes(PEOPLE), load());
  for (const { name, prepare, perform } of scenarios) {
    process.stderr.write(`warming up: ${name}\n`);
    await runLoad(perform, await prepare(FIRST_WARM_UP), load());
  }
  const measured = new Map<Scenario, Row>(
    scenarios.map((it) => [it, { ...toNames(it), rounds: [], atHalfLoad: [] }]),
  );
  for (let round = 1; round <= rounds; round++) {
    for (const [scenario, row] of measured) {
      process.stderr.write(`round ${round} of ${rounds}: ${scenario.name}\n`);
      await runLoad(scenario.perform, await scenario.prepare(WARM_UP), load());
      row.rounds.push(await measure(scenario, await scenario.prepare(operations), load()));
    }
  }
  for (let round = 1; round <= rounds; round++) {
    for (const [{ name, kind, prepare, perform }, row] of measured) {
      if (kind === "operation") continue;
      process.stderr.write(`half load, round ${round} of ${rounds}: ${name}\n`);
      const perSecond = summarise(row, ({ loginsPerSecond }) => loginsPerSecond).median / 2;
      const codes = await prepare(Math.ceil(perSecond * HALF_LOAD_SECONDS));
      const options = { perSecond, settleMs: SETTLE_MS, signal: interrupted };
      const { loginsPerSecond, p50Ms, p99Ms } = await flood(perform, codes, options);
      row.atHalfLoad.push({ loginsPerSecond, p50Ms, p99Ms });
    }
  }
  process.stderr.write("counting\n");
  const counts = await countPerLogin(stage, stores, async () => {
    const ours = scenarios.filter(({ kind }) => kind === "login");
    for (const { prepare, perform } of ours) {
      await runLoad(perform, await prepare(operations), load());
    }
    return ours.length * operations;
  });
  const warmUpOperations = [FIRST_WARM_UP, WARM_UP] as const;
  const heading = {
    concurrency,
    operations,
    rounds,
    only,
    warmUpOperations,
    stores: stores.descriptions,
  };
  const rows = [...measured.values()];
  const ratios = toRatios(rows);
  process.stdout.write(`${toTable(heading, rows, ratios)}${counts}`);
  process.stderr.write(`${writeResults(heading, rows, ratios)}\n`);
}

const toNames = ({ name, kind, servers }: Scenario) => {
  return { name, kind, servers: servers.map((server) => server.name) };
};

async function measure(
  { servers, perform }: Scenario,
  inputs: readonly string[],
  load: LoadOptions,
): Promise<Round> {
  const readCpu = () =>
    Promise.all(servers.map((server) => server.metric("process_cpu_seconds_total")));
  const before = await readCpu();
  const figures = await runLoad(perform, inputs, load);
  const after = await readCpu();
  const cpuMicroseconds = servers.map((_, index) => {
    const seconds = (after[index] as number) - (before[index] as number);
    return (seconds * 1e6) / inputs.length;
  });
  return { ...figures, cpuMicroseconds };
}

await runBench(main);
