const MAX_KEYS = 100_000;

/** So many a time, for each key apart; a sliding window. */
export class Quota {
  readonly #takenAtMs = new Map<string, number[]>();
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #now: () => number;

  constructor(limit: number, windowMs: number, now: () => number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#now = now;
  }

  /** False where the limit is reached; what is refused does not count. */
  take(key: string): boolean {
    const times = this.#takenAtMs.get(key) ?? [];
    const sinceMs = this.#now() - this.#windowMs;
    while (times[0] !== undefined && times[0] <= sinceMs) times.shift();
    if (times.length >= this.#limit) return false;
    times.push(this.#now());
    this.#takenAtMs.set(key, times);
    this.#dropOld();
    return true;
  }

  #dropOld(): void {
    for (const key of this.#takenAtMs.keys()) {
      if (this.#takenAtMs.size <= MAX_KEYS) return;
      this.#takenAtMs.delete(key);
    }
  }
}
