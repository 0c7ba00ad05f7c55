const SLOT_MS = 200;
const SLOTS = 3;

/** So many more than ended may come in that time, or this share, and it means nothing. */
const STEADY_CALLS = 32;
const STEADY_SHARE = 0.05;

/** Whether more calls come than are carried out. */
export interface Growth {
  /** A call came, whatever becomes of it. */
  arrived(): void;
  /** A call was carried out. */
  ended(): void;
  /** Over the last 0.6 s. */
  isGrowing(): boolean;
}

interface Slot {
  arrived: number;
  ended: number;
}

export function createGrowth(): Growth {
  let slots: Slot[] = [];
  let slot: Slot = { arrived: 0, ended: 0 };
  let startedMs = performance.now();
  /** By the calls themselves: a busy process would tick late, an idle one need not. */
  const advance = () => {
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs < SLOT_MS) return;
    slots = elapsedMs < SLOT_MS * SLOTS ? [...slots, slot].slice(-SLOTS) : [];
    slot = { arrived: 0, ended: 0 };
    startedMs += elapsedMs;
  };
  const sum = (name: "arrived" | "ended") => slots.reduce((total, it) => total + it[name], 0);
  return {
    arrived: () => {
      advance();
      slot.arrived++;
    },
    ended: () => {
      advance();
      slot.ended++;
    },
    isGrowing: () => {
      advance();
      const ended = sum("ended");
      return (
        slots.length === SLOTS &&
        sum("arrived") - ended > Math.max(STEADY_CALLS, ended * STEADY_SHARE)
      );
    },
  };
}
