import type { IncomingMessage } from "node:http";
import type { EventLoopWatch } from "../event-loop.ts";
import { createThrottle, type Throttle } from "../throttle.ts";

/**
 * Turns requests away before anything is done for them: all of them while this process is late with
 * everything, and those of a kind while most of that kind end as OVERLOADED. Of a kind: that logins wait
 * for a slow WeChat is no reason to refuse a profile.
 */
export interface Door {
  admits(request: IncomingMessage): boolean;
  /** What came of a request; `route` as it is declared, its parameters unfilled. */
  done(method: string, route: string, isOverloaded: boolean): void;
}

export function createDoor(loop: EventLoopWatch): Door {
  /** Of routes only, of which there are few; one with parameters is not recognised and comes in. */
  const throttles = new Map<string, Throttle>();
  const find = (key: string) => {
    const throttle = throttles.get(key) ?? createThrottle();
    throttles.set(key, throttle);
    return throttle;
  };
  return {
    admits: ({ method, url = "" }) => {
      if (loop.isLate()) return false;
      const end = url.indexOf("?");
      const path = end < 0 ? url : url.slice(0, end);
      return throttles.get(`${method} ${path}`)?.admits() ?? true;
    },
    done: (method, route, isOverloaded) => find(`${method} ${route}`).done(isOverloaded),
  };
}
