const TICK_MS = 100;

/** A login is about five turns of the loop: when each takes this long, it misses its deadline of 4 s. */
const LATE_MS = 800;

/** Fewer late ticks are a pause, and not too much to do. */
const LATE_TICKS = 3;

/** Whether this process has so much to do that nothing it begins will be done in time. */
export interface EventLoopWatch {
  isLate(): boolean;
  close(): void;
}

export function watchEventLoop(): EventLoopWatch {
  let lateTicks = 0;
  let tickedMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lateTicks = nowMs - tickedMs - TICK_MS > LATE_MS ? lateTicks + 1 : 0;
    tickedMs = nowMs;
  }, TICK_MS).unref();
  return {
    isLate: () => lateTicks >= LATE_TICKS,
    close: () => clearInterval(timer),
  };
}
