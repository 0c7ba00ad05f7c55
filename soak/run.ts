// People live while one thing after another goes wrong, and then the books are checked: `npm run soak`.
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { runBench } from "../bench/interrupt.ts";
import { openStores } from "../bench/stores.ts";
import { checkBudget, checkUsers, checkVitals, readUsers } from "./books.ts";
import { runFaults } from "./faults.ts";
import { createLedger } from "./ledger.ts";
import { live, refresh, type World } from "./people.ts";
import { toReport } from "./report.ts";
import { startStage } from "./stage.ts";
import { watchVitals } from "./vitals.ts";

const PEOPLE = 100;

async function main(interrupted: AbortSignal): Promise<void> {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "5" } } });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error("--minutes is not a number up to 1440");
  await using opened = new AsyncDisposableStack();
  const stage = await startStage(opened, await openStores(opened), interrupted);
  const ledger = createLedger(PEOPLE);
  const over = AbortSignal.any([interrupted, AbortSignal.timeout(minutes * 60_000)]);
  const world: World = {
    gateway: opened.adopt(new Pool(stage.gateway, { connections: PEOPLE }), (it) => it.destroy()),
    takeCode: async (person) => {
      return (await fetch(`${stage.wechat}/simulator/code?person=${person}`)).text();
    },
    ledger,
    over,
  };
  const vitals = watchVitals(stage);
  const people = ledger.accounts.map((account, number) => live(world, account, number));
  const windows = await runFaults(stage, over);
  await Promise.all(people);
  interrupted.throwIfAborted();
  const seen = vitals.stop();
  // Whoever is signed out here is booked by itself.
  await Promise.all(ledger.accounts.map((account) => refresh(world, account)));
  const wrongs = [
    ...ledger.wrongs,
    ...checkUsers(ledger.accounts, await readUsers(stage.sql)),
    ...checkBudget(ledger, windows),
    ...checkVitals(seen),
  ];
  process.stdout.write(toReport(ledger, windows, seen, wrongs));
  if (wrongs.length > 0) process.exitCode = 1;
}

await runBench(main);
