import { z } from "zod";

const PathSchema = z.enum([
  "/sns/jscode2session",
  "/cgi-bin/stable_token",
  "/wxa/business/getuserphonenumber",
  "/wxa/checksession",
  "/wxa/resetusersessionkey",
  "/wxa/msg_sec_check",
  "/wxa/media_check_async",
]);
/** The addresses of WeChat that the simulator serves. */
export type WechatPath = z.infer<typeof PathSchema>;

/** What the simulator does wrong, as `POST /simulator/faults` takes it. */
export const FaultsSchema = z.strictObject({
  /** Where; jscode2session where absent. */
  path: PathSchema.optional(),
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
  /** Whether logins hold a unionid, as those of a mini program bound to an Open Platform account. */
  unionid: z.boolean().optional(),
  /** Whether getuserphonenumber, if that is the path, gives countryCode as text; WeChat does both. */
  countryCodeAsText: z.boolean().optional(),
  /** Of so many calls, 0 to 1, by chance; of all where absent. */
  share: z.number().min(0).max(1).optional(),
  /** After so many calls all is well again; without it not before `clear`. */
  times: z.int().min(1).optional(),
});
export type Faults = z.infer<typeof FaultsSchema>;

/** The faults of one simulator. */
export interface FaultSwitch {
  /** Replaces the faults of before at the same path. */
  set(faults: Faults): void;
  /** Ends those of every path. */
  clear(): void;
  /** The faults of the next call; counts it. */
  take(path: WechatPath): Faults;
}

export function createFaultSwitch(): FaultSwitch {
  const current = new Map<WechatPath, { faults: Faults; left: number }>();
  return {
    set(faults) {
      const left = faults.times ?? Number.POSITIVE_INFINITY;
      current.set(faults.path ?? "/sns/jscode2session", { faults, left });
    },
    clear() {
      current.clear();
    },
    take(path) {
      const taken = current.get(path);
      if (taken && Math.random() >= (taken.faults.share ?? 1)) return {};
      if (taken && --taken.left <= 0) current.delete(path);
      return taken?.faults ?? {};
    },
  };
}
