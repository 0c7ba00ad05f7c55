import { Pool } from "undici";
import { expect, it } from "vitest";
import { startReplicas } from "../process/replicas.ts";
import { freeAddress } from "../support/free-address.ts";
import { startProcess } from "../support/process.ts";

const RESTARTS = 20;

/** 500 requests a second, or half of what the machine does: what it cannot do is no test of a restart. */
const PER_SECOND = 500;
const TICK_MS = 20;

/** How much it does is found out with so many, so many at a time. */
const TRIED = 1_000;
const TRIED_AT_ONCE = 32;

it("fails no request at 500/s while identity is replaced 20 times behind the gateway", async () => {
  await using service = await startReplicas(0);
  const { simulator, around } = service;
  const addresses = [await freeAddress(), await freeAddress()];
  const startOn = (address = "") => service.start({ GRPC_LISTEN: address });
  const replicas = await Promise.all(addresses.map(startOn));
  const target = `ipv4:${addresses.join(",")}`;
  const env = { ...around.env, IDENTITY_GRPC_TARGET: target };
  await using gateway = startProcess("gateway", { env, cwd: around.cwd });
  const origin = `http://${(await gateway.ready()).http}`;
  await using opened = new AsyncDisposableStack();
  const pool = opened.adopt(new Pool(origin, { connections: 64 }), (it) => it.destroy());

  const post = (body: object) =>
    pool.request({
      method: "POST",
      path: "/api/v1/auth/mini-login",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const first = await post({ code: simulator.issueCode("alice") });
  const { token } = (await first.body.json()) as { token: string };
  const headers = { authorization: `Bearer ${token}` };
  const profile = () => pool.request({ method: "GET", path: "/api/v1/users/me", headers });

  const failures: string[] = [];
  let requests = 0;
  let running = 0;
  const send = async (number: number) => {
    running++;
    const { statusCode, body } = await (number % 5 === 0
      ? post({ code: simulator.issueCode(`person-${number % 100}`) })
      : profile());
    const text = await body.text();
    if (statusCode !== 200) failures.push(`${statusCode} ${text}`);
    running--;
    requests++;
  };
  const beganMs = performance.now();
  const tryOut = async () => {
    while (requests + running < TRIED) await send(requests + running);
  };
  await Promise.all(Array.from({ length: TRIED_AT_ONCE }, tryOut));
  const most = (requests * 1_000) / (performance.now() - beganMs);
  const perTick = (Math.min(PER_SECOND, most / 2) * TICK_MS) / 1_000;
  let due = requests;
  const load = setInterval(() => {
    for (due += perTick; requests + running < Math.floor(due); ) {
      send(requests + running).catch((error) => failures.push(String(error)));
    }
  }, TICK_MS);
  try {
    for (let restart = 0; restart < RESTARTS; restart++) {
      const index = restart % 2;
      const { process } = replicas[index] as (typeof replicas)[0];
      process.kill("SIGTERM");
      expect(await process.ended()).toBe(0);
      replicas[index] = await startOn(addresses[index]);
    }
  } finally {
    clearInterval(load);
  }
  await expect.poll(() => running, { timeout: 20_000 }).toBe(0);
  expect(failures).toEqual([]);
  expect(requests).toBeGreaterThan(RESTARTS * 100);
}, 180_000);
