import { defineConfig } from "vitest/config";

/** `dist/h5` in a browser, before the whole service. */
export default defineConfig({
  test: {
    include: ["test/browser/*.test.ts"],
    pool: "forks",
    // For a busy machine; nothing asserts a time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    allowOnly: false,
  },
});
