import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { startService } from "../support/service.ts";
import { askGateway } from "../support/wires.ts";

/** Keeps this process, and so the service, from everything else, again and again. */
async function beBusy(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    const endMs = performance.now() + 1_100;
    while (performance.now() < endMs);
    await sleep(0);
  }
}

it("refuses at once what a process that is late with everything would not do in time", async () => {
  await using service = await startService();
  const call = () => service.identity.client.getJwks({});
  await call();
  await beBusy();
  await expect(call()).rejects.toMatchObject({ reason: "OVERLOADED", retryAfterMs: 1_000 });
  // Once there is time again, it works.
  await expect.poll(() => call().then(() => "OK"), { timeout: 10_000 }).toBe("OK");
  expect((await askGateway(service, { method: "getJwks" })).status).toBe(200);
});
