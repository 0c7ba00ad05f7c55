import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../log.ts";
import type { KeyRing } from "./keys.ts";
import type { ErasureStore } from "./store/erasure.ts";
import type { LeaseStore } from "./store/leases.ts";
import type { PruningStore } from "./store/pruning.ts";

const LEASE = "maintenance";

/** Longer than a batch may take. */
const LEASE_SECONDS = 30;

const INTERVAL_MS = 60_000;
const BATCH_SIZE = 500;

/** Each with some dozens of rows. */
const PEOPLE_BATCH_SIZE = 100;

/** Between two batches, so that logins come first. */
const PAUSE_MS = 50;

export interface MaintenanceDeps {
  leases: LeaseStore;
  pruning: PruningStore;
  erasure: ErasureStore;
  keys: Pick<KeyRing, "maintain">;
}

/** What a run did; undefined when another process was at it. */
export type Maintained =
  | { erasedUsers: number; loginSessions: number; auditEvents: number }
  | undefined;

/** Keeps house once a minute, in whichever process holds the lease. */
export function startMaintenance(deps: MaintenanceDeps, log: Logger): { close(): Promise<void> } {
  const stop = new AbortController();
  const loop = async () => {
    for (;;) {
      // Not all processes at once.
      await sleep(INTERVAL_MS * (0.5 + Math.random()), undefined, { signal: stop.signal });
      try {
        const pruned = await maintain(deps, stop.signal);
        if (pruned) log.debug({ event: "maintained", ...pruned });
      } catch (err) {
        if (!stop.signal.aborted) log.warn({ event: "not maintained", err });
      }
    }
  };
  const ended = loop().catch(() => {});
  return {
    close: () => {
      stop.abort();
      return ended;
    },
  };
}

/** One round of keeping house, as long as the lease is ours. */
export async function maintain(
  { leases, pruning, erasure, keys }: MaintenanceDeps,
  signal: AbortSignal,
): Promise<Maintained> {
  const holder = randomUUID();
  const hold = () => leases.hold(LEASE, holder, LEASE_SECONDS);
  const inBatches = async (prune: (limit: number) => Promise<number>, size = BATCH_SIZE) => {
    let count = 0;
    while (await hold()) {
      const pruned = await prune(size);
      count += pruned;
      if (pruned < size) break;
      await sleep(PAUSE_MS, undefined, { signal });
    }
    return count;
  };
  if (!(await hold())) return undefined;
  try {
    await keys.maintain();
    const erasedUsers = await inBatches(erasure.erase, PEOPLE_BATCH_SIZE);
    const loginSessions = await inBatches(pruning.loginSessions);
    return { erasedUsers, loginSessions, auditEvents: await inBatches(pruning.auditEvents) };
  } finally {
    await leases.release(LEASE, holder);
  }
}
