import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // These want more than npm installs: see vitest.examples.config.ts and vitest.redis.config.ts.
    exclude: ["test/examples/**", "test/redis/**"],
    globalSetup: ["test/support/servers.ts"],
    pool: "forks",
    execArgv: ["--import", "./src/quick-imports.ts"],
    // For a busy machine; nothing asserts a time as short as this.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
});
