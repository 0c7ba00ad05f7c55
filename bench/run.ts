import { createCodeSource, PEOPLE } from "./codes.ts";
import { countPerLogin } from "./counts.ts";
import { runBench } from "./interrupt.ts";
import { type LoadOptions, runLoad } from "./load.ts";
import { readOptions } from "./options.ts";
import { createScenarios, type Scenario } from "./scenarios.ts";
import { startStage } from "./stage.ts";
import { openStores } from "./stores.ts";
import { type Round, toTable } from "./table.ts";

/** V8 goes on compiling and recompiling a scenario's code for about so many logins. */
const FIRST_WARM_UP_LOGINS = 6_000;

/** Before each round: the pools, which close when idle, are to be open again. */
const WARM_UP_LOGINS = 500;

/** A round takes seconds; one that takes longer than this hangs. */
const ROUND_TIMEOUT_MS = 60_000;

async function main(interrupted: AbortSignal): Promise<void> {
  const { concurrency, logins, rounds } = readOptions();
  await using opened = new AsyncDisposableStack();
  const stores = await openStores(opened);
  const stage = await startStage(opened, stores, interrupted);
  const issueCodes = createCodeSource(opened, stage);
  const { registration, scenarios } = createScenarios(opened, stage, concurrency);
  const within = (signal: AbortSignal) => ({ concurrency, signal });
  const timed = () => AbortSignal.any([interrupted, AbortSignal.timeout(ROUND_TIMEOUT_MS)]);

  await runLoad(registration, await issueCodes(PEOPLE), within(timed()));
  for (const { name, login } of scenarios) {
    process.stderr.write(`warming up: ${name}\n`);
    await runLoad(login, await issueCodes(FIRST_WARM_UP_LOGINS), within(timed()));
  }
  const results = new Map<Scenario, Round[]>(scenarios.map((scenario) => [scenario, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const [scenario, measured] of results) {
      process.stderr.write(`round ${round} of ${rounds}: ${scenario.name}\n`);
      const codes = await issueCodes(WARM_UP_LOGINS + logins);
      const load = within(timed());
      await runLoad(scenario.login, codes.splice(0, WARM_UP_LOGINS), load);
      measured.push(await measure(scenario, codes, load));
    }
  }
  process.stderr.write("counting\n");
  const counts = await countPerLogin(stage, stores, async () => {
    const real = scenarios.filter(({ isEcho }) => !isEcho);
    for (const { login } of real) await runLoad(login, await issueCodes(logins), within(timed()));
    return real.length * logins;
  });
  const warmUpLogins = [FIRST_WARM_UP_LOGINS, WARM_UP_LOGINS] as const;
  const heading = { concurrency, logins, rounds, warmUpLogins, stores: stores.descriptions };
  process.stdout.write(`${toTable(heading, results)}${counts}`);
}

async function measure(
  { servers, login }: Scenario,
  codes: readonly string[],
  load: LoadOptions,
): Promise<Round> {
  const readCpu = () =>
    Promise.all(servers.map((server) => server.metric("process_cpu_seconds_total")));
  const before = await readCpu();
  const figures = await runLoad(login, codes, load);
  const after = await readCpu();
  const cpuMicroseconds = servers.map((_, index) => {
    const seconds = (after[index] as number) - (before[index] as number);
    return (seconds * 1e6) / codes.length;
  });
  return { ...figures, cpuMicroseconds };
}

await runBench(main);
