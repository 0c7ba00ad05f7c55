import { defineConfig } from "vitest/config";

/** The unit tests of `src/identity/`; those of the builds are in `test/weapp` and `test/browser`. */
export default defineConfig({
  test: { include: ["test/*.test.ts"], allowOnly: false },
});
