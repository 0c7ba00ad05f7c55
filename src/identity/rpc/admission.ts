import type { RpcConfig } from "../../config.ts";
import type { EventLoopWatch } from "../../event-loop.ts";
import { createOverloadWatch } from "../../overload.ts";
import { IdentityError } from "../errors.ts";

/** Under overload so many wait: enough for those that run to be followed at once. */
const WAITING_UNDER_OVERLOAD = 32;

/** So long it counts that somebody waited in vain. */
const VAIN_MS = 2_000;

/** Lets calls in: some run, some wait, and what is too much is refused. */
export interface Admission {
  /** Rejects with OVERLOADED where the call is refused, and with the signal's reason when that ends the wait. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Whether a call that comes now is refused at once: its wire need not even read it. */
  turnsAway(): boolean;
}

/** A call in the line. */
interface Waiting {
  enter(): void;
  refuse(): void;
}

/**
 * Whoever comes waits its turn, in a burst or a crowd, as long as the line has an end. It is an overload
 * when the line is full, or somebody waited in vain, and still more come than are served. Then the line is
 * kept short, so that who is let in is answered about as soon as ever, and the others hear at once that it
 * is too much.
 */
export function createAdmission(
  { maxRunningCalls, maxWaitingCalls }: Pick<RpcConfig, "maxRunningCalls" | "maxWaitingCalls">,
  loop: EventLoopWatch,
): Admission {
  const overload = createOverloadWatch();
  const line: Waiting[] = [];
  let running = 0;
  let gaveUpMs = Number.NEGATIVE_INFINITY;

  const wait = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        line.splice(line.indexOf(waiting), 1);
        gaveUpMs = performance.now();
        reject(signal.reason);
      };
      const leave = (then: () => void) => () => {
        signal.removeEventListener("abort", giveUp);
        then();
      };
      const waiting = {
        enter: leave(resolve),
        refuse: leave(() => reject(overloaded("more calls come than are served"))),
      };
      signal.addEventListener("abort", giveUp);
      line.push(waiting);
    });
  /** The oldest: they have waited longest, and their callers have the least time left. */
  const shorten = () => {
    const surplus = line.length - WAITING_UNDER_OVERLOAD;
    if (surplus <= 0) return;
    for (const waiting of line.splice(0, surplus)) waiting.refuse();
    overload.refused();
  };
  const enter = async (signal: AbortSignal) => {
    overload.arrived();
    if (loop.isLate()) throw overloaded("everything here is late");
    if (running < maxRunningCalls) {
      running++;
      return;
    }
    const isFull = line.length >= maxWaitingCalls;
    const isOverload = overload.isOverload(!isFull && performance.now() - gaveUpMs > VAIN_MS);
    if (isFull && !isOverload) {
      throw overloaded("too many calls are waiting");
    }
    const entered = wait(signal);
    if (isOverload) shorten();
    await entered;
  };
  return {
    turnsAway: () => {
      const isFull = line.length >= WAITING_UNDER_OVERLOAD && overload.isOverload(true);
      if (!isFull && !loop.isLate()) return false;
      overload.arrived();
      if (isFull) overload.refused();
      return true;
    },
    async run(signal, work) {
      await enter(signal);
      try {
        return await work();
      } finally {
        overload.ended();
        const next = line.shift();
        if (next) next.enter();
        else running--;
      }
    },
  };
}

/** The error of a call that there is no room for. */
export function overloaded(why: string): IdentityError {
  return new IdentityError("OVERLOADED", why, { retryAfterMs: 1_000 });
}
