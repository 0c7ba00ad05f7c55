import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** The tests of `examples/`, apart from the others because they want Debian's packages. */
export default defineConfig({
  test: {
    ...base.test,
    include: ["test/examples/**/*.test.ts"],
    exclude: [],
    globalSetup: ["test/examples/debian-packages.ts", "test/support/servers.ts"],
  },
});
