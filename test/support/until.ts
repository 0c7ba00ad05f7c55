import { vi } from "vitest";

/** Less than a test has, and enough for a busy machine. Vitest's own wait ends after a second. */
const TIMEOUT_MS = 20_000;

/** What the condition comes to, once it is true. */
export function until<T>(condition: () => T | Promise<T>) {
  return vi.waitUntil(condition, { timeout: TIMEOUT_MS, interval: 20 });
}
