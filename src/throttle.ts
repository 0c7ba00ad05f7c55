/** So long what happened counts, in slots. */
const SLOT_MS = 500;
const SLOTS = 6;

/** So many times what is accepted is still asked for, so that it shows when there is room again. */
const ASKED_PER_ACCEPTED = 1.25;

/** Fewer refusals than this are no overload. */
const FEW = 20;

/**
 * Refuses here what would most likely be refused there, at next to no cost, so that whoever is overloaded
 * spends its time on work and not on saying no ("client-side throttling", Site Reliability Engineering,
 * chapter 21).
 */
export interface Throttle {
  /** False for a call that is not worth making. */
  admits(): boolean;
  /** What came of a call that was made: `isRefused` when there was too much to do. */
  done(isRefused: boolean): void;
}

interface Slot {
  startedMs: number;
  /** By our own callers. */
  asked: number;
  accepted: number;
  refused: number;
}

export function createThrottle(): Throttle {
  let slots: Slot[] = [];
  const current = () => {
    const nowMs = performance.now();
    const last = slots.at(-1);
    if (last && nowMs - last.startedMs < SLOT_MS) return last;
    const slot = { startedMs: nowMs, asked: 0, accepted: 0, refused: 0 };
    slots = [...slots.filter(({ startedMs }) => nowMs - startedMs < SLOT_MS * SLOTS), slot];
    return slot;
  };
  const sum = (name: "asked" | "accepted" | "refused") =>
    slots.reduce((total, slot) => total + slot[name], 0);
  return {
    admits: () => {
      current().asked++;
      // Not what is refused here: once nothing is refused there any more, everything may go.
      if (sum("refused") < FEW) return true;
      return Math.random() * sum("asked") < sum("accepted") * ASKED_PER_ACCEPTED + FEW;
    },
    done: (isRefused) => {
      const slot = current();
      if (isRefused) slot.refused++;
      else slot.accepted++;
    },
  };
}
