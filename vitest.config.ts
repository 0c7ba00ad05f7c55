import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/servers.ts"],
    pool: "forks",
    // For a busy machine; nothing asserts a time as short as this.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
});
