import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import ipaddr from "ipaddr.js";
import { expect, inject, it } from "vitest";
import { createSurroundings } from "../process/surroundings.ts";
import { startProcess } from "../support/process.ts";
import { startService } from "../support/service.ts";

const GATEWAYS = 3;
const LIMIT = 100;

it("lets exactly 100 of 1,000 logins at once through, over three gateways", async () => {
  await using opened = new AsyncDisposableStack();
  const around = opened.use(await createSurroundings(inject("template")));
  const service = opened.use(await startService());
  // A client of the test's own, in a Redis that others use too.
  const client = `2001:db8:${randomBytes(4)
    .toString("hex")
    .replace(/(?=.{4}$)/, ":")}::1`;
  opened.adopt(new Redis(inject("redisUrl")), async (it) => {
    const name = Buffer.from(ipaddr.parse(client).toByteArray().slice(0, 8)).toString("hex");
    expect(await it.del(`identity:rate_limit:login:${name}/64`)).toBe(1);
    it.disconnect();
  });
  const env = {
    ...around.env,
    TRUSTED_PROXIES: "127.0.0.1",
    RATE_LIMIT_LOGIN: `${LIMIT}/1h`,
    IDENTITY_GRPC_TARGET: service.identity.addresses.grpc,
  };
  const origins = await Promise.all(
    Array.from({ length: GATEWAYS }, async () => {
      const gateway = opened.use(startProcess("gateway", { env, cwd: around.cwd }));
      return `http://${(await gateway.ready()).http}`;
    }),
  );
  const logins = Array.from({ length: 1_000 }, async (_, i) => {
    const response = await fetch(`${origins[i % GATEWAYS]}/api/v1/auth/mini-login`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": client },
      body: JSON.stringify({ code: service.code(`person-${i}`) }),
    });
    await response.text();
    return response.status;
  });
  const statuses = await Promise.all(logins);
  expect(statuses.filter((status) => status === 200)).toHaveLength(LIMIT);
  expect(statuses.filter((status) => status === 429)).toHaveLength(1_000 - LIMIT);
});
