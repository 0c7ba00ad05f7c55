/** What one identity lets run, and half of it again to follow at once. */
const FEWEST = 96;

/** So many times the room is tried, so long. */
const STEP = 2;
const STEP_MS = 2_000;

/** It is worth having when so many times as much gets done in it; else it only makes waiting longer. */
const WORTH = 1.5;

/** After so long it is found out anew: identities come and go, and WeChat is slow one hour and quick the next. */
const VALID_MS = 60_000;

/**
 * How many requests may be under way in an overload, when more would only wait. It is found by trying whether
 * more room gets more done: how much all identities do, and how long WeChat takes, is not known here.
 */
export interface OverloadRoom {
  /** A request was served. */
  ended(): void;
  has(underWay: number): boolean;
}

export function createOverloadRoom(): OverloadRoom {
  let size = FEWEST;
  let isFound = false;
  let beganMs = Number.NEGATIVE_INFINITY;
  let rateBefore = 0;
  let steppedMs = 0;
  let ended = 0;
  const startStep = (nowMs: number) => {
    steppedMs = nowMs;
    ended = 0;
  };
  const step = (nowMs: number) => {
    const rate = ended / (nowMs - steppedMs);
    isFound = rate < rateBefore * WORTH;
    size = isFound ? size / STEP : size * STEP;
    rateBefore = rate;
    startStep(nowMs);
  };
  return {
    ended: () => void ended++,
    has: (underWay) => {
      const nowMs = performance.now();
      if (nowMs - beganMs > VALID_MS) {
        beganMs = nowMs;
        size = FEWEST;
        isFound = false;
        rateBefore = 0;
      }
      // Those from before it was an overload are still to go.
      if (underWay > size) startStep(nowMs);
      else if (!isFound && nowMs - steppedMs > STEP_MS) step(nowMs);
      return underWay < size;
    },
  };
}
