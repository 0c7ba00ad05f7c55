import { expect, inject, it } from "vitest";
import { createIdentityClient } from "../../src/client.ts";
import { startProcess } from "../support/process.ts";
import { createSurroundings, statusOf } from "./surroundings.ts";

it("is not ready any more at SIGTERM, still takes calls for a while, then exits 0", async () => {
  await using around = await createSurroundings(inject("template"));
  const env = {
    ...around.env,
    NODE_ENV: "production",
    WX_API_BASE_URL: "http://127.0.0.1:1",
  };
  await using identity = startProcess("identity", { env, cwd: around.cwd });
  const { grpc = "", ops } = await identity.ready();
  await using gateway = startProcess("gateway", {
    env: { ...env, IDENTITY_GRPC_TARGET: grpc },
    cwd: around.cwd,
  });
  const edge = await gateway.ready();
  const client = createIdentityClient({ target: grpc, timeoutMs: 5_000 });
  expect((await client.getJwks({})).keys).toHaveLength(2);
  for (const process of [identity, gateway]) {
    process.kill("SIGTERM");
    await process.line("stopping");
  }
  expect(await statusOf(`http://${ops}/readyz`)).toBe(503);
  expect(await statusOf(`http://${edge.ops}/readyz`)).toBe(503);
  expect(await statusOf(`http://${ops}/healthz`)).toBe(200);
  expect((await client.getJwks({})).keys).toHaveLength(2);
  expect(await statusOf(`http://${edge.http}/.well-known/jwks.json`)).toBe(200);
  client.close();
  expect(await identity.ended()).toBe(0);
  expect(await gateway.ended()).toBe(0);
});
