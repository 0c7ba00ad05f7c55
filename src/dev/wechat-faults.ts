import { z } from "zod";

/** What the simulator does wrong, as `POST /simulator/faults` takes it. */
export const FaultsSchema = z.strictObject({
  /** Answered to a call that would succeed; the code stays unused. */
  errcode: z.int().optional(),
  /** How long an answer is held back. */
  latencyMs: z.int().min(0).max(600_000).optional(),
  /** The connection is cut before the code is used, or after it and before the answer. */
  cut: z.enum(["before", "after"]).optional(),
  /** Sent in place of the answer; the code is used up where it was good. */
  reply: z
    .strictObject({
      status: z.int().min(200).max(599),
      contentType: z.string().regex(/^[\x20-\x7e]+$/),
      body: z.string(),
    })
    .optional(),
  /** Whether answers hold a unionid, as those of a mini program bound to an Open Platform account. */
  unionid: z.boolean().optional(),
  /** After so many calls all is well again; without it not before `clear`. */
  times: z.int().min(1).optional(),
});
export type Faults = z.infer<typeof FaultsSchema>;

/** The faults of one simulator. */
export interface FaultSwitch {
  /** Replaces the faults of before. */
  set(faults: Faults): void;
  clear(): void;
  /** The faults of the next call; counts it. */
  take(): Faults;
}

export function createFaultSwitch(): FaultSwitch {
  let current: Faults = {};
  let left = 0;
  return {
    set(faults) {
      current = faults;
      left = faults.times ?? Number.POSITIVE_INFINITY;
    },
    clear() {
      current = {};
    },
    take() {
      const taken = current;
      if (--left <= 0) current = {};
      return taken;
    },
  };
}
