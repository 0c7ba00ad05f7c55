import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { afterEach, expect, it, vi } from "vitest";
import { IdentityCallError } from "../../src/client.ts";
import { createDoor } from "../../src/gateway/door.ts";
import { createGateway } from "../../src/gateway/index.ts";
import { until } from "../support/until.ts";
import { config, fakeIdentity, log, metrics } from "./fake-identity.ts";

afterEach(() => void vi.useRealTimers());

async function setUp() {
  const fake = fakeIdentity();
  const loginLimit = { count: 10_000, windowSeconds: 60 };
  // Of an address of its own there may be no more sockets than logins under way.
  const trustedProxies = ["127.0.0.1/32"];
  const settings = { ...config, loginLimit, trustedProxies };
  const gateway = await createGateway(settings, { ...fake, log, metrics });
  const origin = `http://127.0.0.1:${gateway.address.port}`;
  const login = () =>
    fetch(`${origin}/api/v1/auth/mini-login`, {
      method: "POST",
      headers: { "content-type": "application/json", "accept-language": "en" },
      body: JSON.stringify({ code: "a-code" }),
    });
  const profile = () =>
    fetch(`${origin}/api/v1/users/me`, { headers: { authorization: "Bearer a.b.c" } });
  return { ...fake, login, profile, [Symbol.asyncDispose]: () => gateway.close() };
}

it("turns logins away at the door while identity refuses them, with the same answer, and nothing else", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  await using served = await setUp();
  served.state.error = new IdentityCallError({
    reason: "OVERLOADED",
    message: "too many calls are waiting",
    retryAfterMs: 1_000,
  });
  const first = await served.login();
  const bodyOf = async (answer: Response) => ({
    ...((await answer.json()) as object),
    requestId: undefined,
  });
  const expected = await bodyOf(first);
  for (let number = 0; number < 300; number++) {
    const answer = await served.login();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await bodyOf(answer)).toEqual(expected);
  }
  expect(served.calls.length).toBeLessThan(150);

  served.state.error = undefined;
  expect((await served.profile()).status).toBe(200);
  // The crowd has gone: what happened is forgotten.
  vi.advanceTimersByTime(3_000);
  expect((await served.login()).status).toBe(200);
});

it("lets no more than 1,024 logins be under way, and everything else in meanwhile", async () => {
  await using served = await setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  served.state.hang = promise;
  const statuses: number[] = [];
  const logins = Array.from({ length: 1_100 }, async () => {
    const answer = await served.login();
    statuses.push(answer.status);
    await answer.arrayBuffer();
  });
  await until(() => served.calls.length + statuses.length === 1_100);
  expect(statuses).toEqual(new Array(76).fill(503));
  expect((await served.profile()).status).toBe(200);

  resolve();
  await Promise.all(logins);
  expect(statuses.filter((status) => status === 200)).toHaveLength(1_024);
  expect((await served.login()).status).toBe(200);
});

it("under overload lets in what several identities do, though each login takes its time at WeChat", async () => {
  vi.useFakeTimers();
  const door = createDoor({ isLate: () => false, close: () => {} });
  const [method, url] = ["POST", "/login"];
  door.serves(method, url);
  // Four of them, each with 64 logins running.
  const latencyMs = 250;
  const capacity = 4 * 64;
  const line: ServerResponse[] = [];
  let running = 0;
  let served = 0;
  const run = (response: ServerResponse) => {
    running++;
    setTimeout(() => {
      running--;
      served++;
      door.done(method, url, false);
      response.emit("close");
      const next = line.shift();
      if (next) run(next);
    }, latencyMs);
  };
  const arrive = () => {
    const response = new EventEmitter() as ServerResponse;
    if (!door.admits({ method, url } as IncomingMessage, response)) return;
    if (running < capacity) run(response);
    else line.push(response);
  };
  const flood = async (everyMs: number, count: number, seconds: number) => {
    for (let ms = 0; ms < seconds * 1_000; ms += everyMs) {
      for (let number = 0; number < count; number++) arrive();
      await vi.advanceTimersByTimeAsync(everyMs);
    }
  };
  // Little to do, and then three times what can be done.
  await flood(20, 1, 10);
  await flood(1, 3, 10);
  const before = served;
  await flood(1, 3, 5);
  expect(served - before).toBeGreaterThan((0.7 * 5 * capacity * 1_000) / latencyMs);
  expect(line.length).toBeLessThan(1.5 * capacity);
});
