import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** Redis in several servers, apart from the other tests because it wants Debian's package `redis-server`. */
export default defineConfig({
  test: { ...base.test, include: ["test/redis/**/*.test.ts"], exclude: [] },
});
