/** A map that forgets: every entry after a while, and the oldest ones when there are too many. */
export interface ExpiringMap<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
}

export function createExpiringMap<T>({
  ttlMs,
  maxSize,
  now,
}: {
  ttlMs: number;
  maxSize: number;
  now: () => number;
}): ExpiringMap<T> {
  // In the order in which they were set, which is the one in which they end.
  const entries = new Map<string, { value: T; endsAtMs: number }>();
  return {
    get: (key) => {
      const entry = entries.get(key);
      return entry && entry.endsAtMs > now() ? entry.value : undefined;
    },
    set: (key, value) => {
      entries.delete(key);
      entries.set(key, { value, endsAtMs: now() + ttlMs });
      for (const [oldest, { endsAtMs }] of entries) {
        if (entries.size <= maxSize && endsAtMs > now()) break;
        entries.delete(oldest);
      }
    },
  };
}
