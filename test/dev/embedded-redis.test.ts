import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { startEmbeddedRedis } from "../../src/dev/embedded-redis.ts";

it("speaks Redis until closed", async () => {
  const server = await startEmbeddedRedis();
  expect(server.url).toMatch(/^redis:\/\/127\.0\.0\.1:\d+$/);
  const redis = new Redis(server.url);
  await redis.set("key", "value", "PX", 60_000);
  expect(await redis.get("key")).toBe("value");
  expect(await redis.getdel("key")).toBe("value");
  expect(await redis.get("key")).toBeNull();
  redis.disconnect();
  await server.close();
});
