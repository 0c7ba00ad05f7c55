/** Work that is done once, however many ask for it meanwhile. */
export interface Flight<T> {
  /** What comes of the work that is under way; else begins it. */
  join(begin: () => Promise<T>): Promise<T>;
  isUnderWay(): boolean;
  /** Lets who asks next begin anew, without waiting for the end of what is under way. */
  leave(): void;
}

/** Nothing under way yet. */
export function createFlight<T>(): Flight<T> {
  let flight: Promise<T> | undefined;
  return {
    join(begin) {
      if (flight) return flight;
      const begun = begin().finally(() => {
        if (flight === begun) flight = undefined;
      });
      flight = begun;
      return begun;
    },
    isUnderWay: () => flight !== undefined,
    leave() {
      flight = undefined;
    },
  };
}
