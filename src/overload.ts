import { createGrowth } from "./growth.ts";

/** Overload is over when for so long nobody had to be refused. */
const CALM_MS = 2_000;

/**
 * Tells an overload from a crowd: there is no room left, and still more come than are served. A lack of room
 * alone says nothing: callers of whom each waits for its answer before it asks again are as many as they are.
 */
export interface OverloadWatch {
  /** Somebody came, whatever becomes of it. */
  arrived(): void;
  /** Somebody was served. */
  ended(): void;
  /** Somebody was refused for the overload, which goes on therefore. */
  refused(): void;
  /** Whether it is an overload; it only begins where there `isRoom` no more. */
  isOverload(isRoom: boolean): boolean;
}

export function createOverloadWatch(): OverloadWatch {
  const { arrived, ended, isGrowing } = createGrowth();
  let refusedMs = Number.NEGATIVE_INFINITY;
  let isOverload = false;
  const refused = () => {
    refusedMs = performance.now();
  };
  return {
    arrived,
    ended,
    refused,
    isOverload: (isRoom) => {
      if (isOverload) {
        isOverload = performance.now() - refusedMs < CALM_MS;
      } else if (!isRoom) {
        isOverload = isGrowing();
        refused();
      }
      return isOverload;
    },
  };
}
