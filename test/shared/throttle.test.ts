import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createThrottle, type Throttle } from "../../src/throttle.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

interface Crowd {
  seconds: number;
  /** In each second, of which there is room for so many. */
  calls: number;
  room: number;
}

/** Tells how many reach a server in a second. */
function drive(throttle: Throttle, { seconds, calls, room }: Crowd) {
  let reached = 0;
  for (let second = 0; second < seconds; second++) {
    let left = room;
    for (let call = 0; call < calls; call++) {
      vi.advanceTimersByTime(1_000 / calls);
      if (!throttle.admits()) continue;
      reached++;
      throttle.done(left-- <= 0);
    }
  }
  return reached / seconds;
}

it("lets everything through while nothing is refused, and while little is", () => {
  const throttle = createThrottle();
  expect(drive(throttle, { seconds: 5, calls: 100, room: 100 })).toBe(100);
  expect(drive(throttle, { seconds: 5, calls: 100, room: 95 })).toBe(100);
});

it("lets little more through than there is room for, at any size of the crowd", () => {
  for (const calls of [300, 1_000, 10_000]) {
    const throttle = createThrottle();
    drive(throttle, { seconds: 5, calls, room: 100 });
    const reached = drive(throttle, { seconds: 10, calls, room: 100 });
    expect(reached).toBeGreaterThan(100);
    expect(reached).toBeLessThan(100 * 1.6);
  }
});

it("lets everything through again three seconds after the crowd has gone", () => {
  const throttle = createThrottle();
  drive(throttle, { seconds: 5, calls: 1_000, room: 100 });
  drive(throttle, { seconds: 3, calls: 90, room: 100 });
  expect(drive(throttle, { seconds: 5, calls: 90, room: 100 })).toBe(90);
});
