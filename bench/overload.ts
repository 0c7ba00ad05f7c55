// What is left of the work when three times as much is asked as can be done: `npm run bench:overload`.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createCodeSource, PEOPLE } from "./codes.ts";
import { type Flood, flood } from "./flood.ts";
import { runBench } from "./interrupt.ts";
import { type LoadFigures, runLoad } from "./load.ts";
import { median } from "./rows.ts";
import { createScenarios } from "./scenarios.ts";
import { startStage } from "./stage.ts";
import { openStores } from "./stores.ts";

const TIMES = 3;

/** As many as identity lets run: more do not make it faster. */
const PEAK_CONCURRENCY = 64;
const PEAK_LOGINS = 5_000;
const WARM_UP_LOGINS = 4_000;

/** Not measured: Node accepts one connection in a turn of its loop, and what begins may be a burst, served whole. */
const SETTLE_SECONDS = 10;

/** After an overload: clients remember for 3 s that they were refused. */
const REST_MS = 5_000;

/** Of the load generator to a server; beyond them its requests would wait for one another. */
const CONNECTIONS = 2_000;

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "10" },
      rounds: { type: "string", default: "3" },
    },
  });
  const seconds = SETTLE_SECONDS + Number(values.seconds);
  await using opened = new AsyncDisposableStack();
  const stage = await startStage(opened, await openStores(opened), interrupted);
  const issueCodes = createCodeSource(opened, { ...stage.servers, appId: stage.appId });
  const connections = CONNECTIONS;
  const { registrations, scenarios } = createScenarios(opened, stage, { issueCodes, connections });
  const within = { concurrency: PEAK_CONCURRENCY, signal: interrupted };
  for (const register of registrations) await runLoad(register, await issueCodes(PEOPLE), within);
  for (const { name, kind, perform } of scenarios) {
    if (kind !== "login") continue;
    await runLoad(perform, await issueCodes(WARM_UP_LOGINS), within);
    const rounds: Round[] = [];
    // Each beside a peak of its own: a machine that others use too is not the same for long.
    for (let round = 1; round <= Number(values.rounds); round++) {
      process.stderr.write(`round ${round} of ${values.rounds}: ${name}\n`);
      const peak = await runLoad(perform, await issueCodes(PEAK_LOGINS), within);
      const perSecond = TIMES * peak.loginsPerSecond;
      const codes = await issueCodes(Math.ceil(perSecond * seconds));
      const load = { perSecond, settleMs: SETTLE_SECONDS * 1_000, signal: interrupted };
      rounds.push({ peak, overload: await flood(perform, codes, load) });
      await sleep(REST_MS);
    }
    process.stdout.write(toText(name, rounds));
  }
}

interface Round {
  peak: LoadFigures;
  overload: Flood;
}

function toText(name: string, rounds: readonly Round[]): string {
  const of = (figure: (round: Round) => number) => median(rounds.map(figure)).toFixed(1);
  const share = ({ peak, overload }: Round) =>
    Math.round((100 * overload.loginsPerSecond) / peak.loginsPerSecond);
  const shares = rounds.map(share).sort((a, b) => a - b);
  const reasons = new Map<string, number>();
  for (const [reason, count] of rounds.flatMap(({ overload }) => [...overload.failures])) {
    reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  }
  const counts = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ");
  return `${name}, the medians of ${rounds.length} rounds
  at its peak:   ${of((it) => it.peak.loginsPerSecond)} logins/s, \
p50 ${of((it) => it.peak.p50Ms)} ms, p99 ${of((it) => it.peak.p99Ms)} ms
  at ${TIMES} times it: ${of((it) => it.overload.loginsPerSecond)} logins/s \
(${median(shares)} %, ${shares[0]}-${shares.at(-1)}), \
p50 ${of((it) => it.overload.p50Ms)} ms, p99 ${of((it) => it.overload.p99Ms)} ms
  refused:       p50 ${of((it) => it.overload.refusedP50Ms)} ms, \
p99 ${of((it) => it.overload.refusedP99Ms)} ms; ${counts}
`;
}

await runBench(main);
