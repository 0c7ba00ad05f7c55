import { setTimeout as sleep } from "node:timers/promises";
import type { Stage } from "./stage.ts";

/** WeChat is left alone for 2 s at most after it has come back. */
const RECOVERY_MS = 3_000;

/** When something was wrong; `fails` says whether logins may fail by it. */
export interface Window {
  name: string;
  fromMs: number;
  toMs: number;
  failsLogins: boolean;
}

interface Fault {
  name: string;
  failsLogins?: boolean;
  /** Begins it, lets it last and ends it. */
  happen(stage: Stage, round: number): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    name: "Redis cut for 2 s, and empty afterwards",
    happen: async ({ redisProxy, emptyRedis }) => {
      redisProxy.cut();
      await sleep(2_000);
      await emptyRedis();
      redisProxy.heal();
    },
  },
  {
    name: "PostgreSQL's back ends killed, three times",
    happen: async ({ sql }) => {
      for (let time = 0; time < 3; time++) {
        await sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'mini-identity'`;
        await sleep(700);
      }
    },
  },
  {
    name: "identity replaced",
    happen: ({ replaceIdentity }, round) => replaceIdentity(round % 2 === 0 ? 0 : 1),
  },
  {
    name: "WeChat slow by 1 s",
    failsLogins: true,
    happen: (stage) => wechatWrong(stage, { latencyMs: 1_000 }),
  },
  {
    name: "WeChat cut before and after it used the code",
    failsLogins: true,
    happen: async (stage) => {
      await wechatWrong(stage, { cut: "before" });
      await wechatWrong(stage, { cut: "after" });
    },
  },
];

/** Lets one fault after another happen until it is over, all of them once at least. */
export async function runFaults(stage: Stage, over: AbortSignal): Promise<Window[]> {
  const windows: Window[] = [];
  for (let round = 0; round === 0 || !over.aborted; round++) {
    for (const { name, failsLogins = false, happen } of FAULTS) {
      if (round > 0 && over.aborted) break;
      await sleep(RECOVERY_MS);
      const fromMs = Date.now();
      await happen(stage, round);
      windows.push({ name, fromMs, toMs: Date.now() + RECOVERY_MS, failsLogins });
    }
  }
  return windows;
}

async function wechatWrong({ wechat }: Stage, faults: object): Promise<void> {
  const url = `${wechat}/simulator/faults`;
  await fetch(url, { method: "POST", body: JSON.stringify(faults) });
  await sleep(2_000);
  await fetch(url, { method: "DELETE" });
}
