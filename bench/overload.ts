// What is left of the work when three times as much is asked as can be done: `npm run bench:overload`.
import { parseArgs } from "node:util";
import { createCodeSource, PEOPLE } from "./codes.ts";
import { type Flood, flood } from "./flood.ts";
import { runBench } from "./interrupt.ts";
import { type LoadFigures, runLoad } from "./load.ts";
import { createScenarios, type Scenario } from "./scenarios.ts";
import { startStage } from "./stage.ts";
import { openStores } from "./stores.ts";

const TIMES = 3;

/** As many as identity lets run: more do not make it faster. */
const PEAK_CONCURRENCY = 64;
const PEAK_LOGINS = 5_000;
const WARM_UP_LOGINS = 4_000;

/** Not measured: Node accepts one connection in a turn of its loop, and what begins may be a burst, served whole. */
const SETTLE_SECONDS = 10;

/** Of the load generator to a gateway; beyond them its requests would wait for one another. */
const CONNECTIONS = 2_000;

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: "string", default: "10" } } });
  const seconds = SETTLE_SECONDS + Number(values.seconds);
  await using opened = new AsyncDisposableStack();
  const stage = await startStage(opened, await openStores(opened), interrupted);
  const issueCodes = createCodeSource(opened, { ...stage.servers, appId: stage.appId });
  const connections = CONNECTIONS;
  const { registrations, scenarios } = createScenarios(opened, stage, { issueCodes, connections });
  const within = { concurrency: PEAK_CONCURRENCY, signal: interrupted };
  for (const register of registrations) await runLoad(register, await issueCodes(PEOPLE), within);
  for (const scenario of scenarios.filter(({ kind }) => kind === "login")) {
    await runLoad(scenario.perform, await issueCodes(WARM_UP_LOGINS), within);
    const peak = await runLoad(scenario.perform, await issueCodes(PEAK_LOGINS), within);
    const perSecond = TIMES * peak.loginsPerSecond;
    const codes = await issueCodes(Math.ceil(perSecond * seconds));
    const load = { perSecond, settleMs: SETTLE_SECONDS * 1_000, signal: interrupted };
    process.stdout.write(toText(scenario, peak, await flood(scenario.perform, codes, load)));
  }
}

function toText({ name }: Scenario, peak: LoadFigures, overload: Flood): string {
  const { loginsPerSecond, p50Ms, p99Ms, refusedP50Ms, refusedP99Ms, failures } = overload;
  const share = Math.round((100 * loginsPerSecond) / peak.loginsPerSecond);
  const ms = (p50: number, p99: number) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
  const reasons = [...failures].map(([reason, count]) => `${count} ${reason}`).join(", ");
  return `${name}
  at its peak:   ${Math.round(peak.loginsPerSecond)} logins/s, ${ms(peak.p50Ms, peak.p99Ms)}
  at ${TIMES} times it: ${Math.round(loginsPerSecond)} logins/s (${share} %), ${ms(p50Ms, p99Ms)}
  refused:       ${ms(refusedP50Ms, refusedP99Ms)}; ${reasons}
`;
}

await runBench(main);
