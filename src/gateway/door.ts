import type { IncomingMessage, ServerResponse } from "node:http";
import type { EventLoopWatch } from "../event-loop.ts";
import { createOverloadWatch } from "../overload.ts";
import { createThrottle } from "../throttle.ts";
import { createOverloadRoom } from "./overload-room.ts";

/** So many requests of a kind are under way at most: what identity lets run and wait. */
const MAX_UNDER_WAY = 1_024;

/**
 * Turns requests away before anything is done for them: all of them while this process is late with
 * everything, and those of a kind while more of that kind come than are served, or most of them end as
 * OVERLOADED. Of a kind: that logins wait for a slow WeChat is no reason to refuse a profile.
 */
export interface Door {
  /** Makes requests of this method and route a kind; `route` as it is declared. */
  serves(method: string, route: string): void;
  /** False for a request to turn away; else it is under way until its response is closed. */
  admits(request: IncomingMessage, response: ServerResponse): boolean;
  /** What came of a request. */
  done(method: string, route: string, isOverloaded: boolean): void;
}

export function createDoor(loop: EventLoopWatch): Door {
  /** One with parameters in its route is not recognised, and comes in. */
  const kinds = new Map<string, Kind>();
  return {
    serves: (method, route) => void kinds.set(`${method} ${route}`, createKind()),
    admits: ({ method, url = "" }, response) => {
      if (loop.isLate()) return false;
      const end = url.indexOf("?");
      const path = end < 0 ? url : url.slice(0, end);
      return kinds.get(`${method} ${path}`)?.admits(response) ?? true;
    },
    done: (method, route, isOverloaded) => kinds.get(`${method} ${route}`)?.done(isOverloaded),
  };
}

interface Kind {
  admits(response: ServerResponse): boolean;
  done(isOverloaded: boolean): void;
}

function createKind(): Kind {
  const throttle = createThrottle();
  const overload = createOverloadWatch();
  const overloadRoom = createOverloadRoom();
  let underWay = 0;
  const hasRoom = () => {
    overload.arrived();
    const isRoom = underWay < MAX_UNDER_WAY;
    if (!overload.isOverload(isRoom) || overloadRoom.has(underWay)) return isRoom;
    overload.refused();
    return false;
  };
  return {
    admits: (response) => {
      if (!hasRoom() || !throttle.admits()) return false;
      underWay++;
      response.once("close", () => {
        underWay--;
        overload.ended();
        overloadRoom.ended();
      });
      return true;
    },
    done: throttle.done,
  };
}
