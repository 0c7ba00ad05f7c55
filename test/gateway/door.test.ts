import { afterEach, expect, it, vi } from "vitest";
import { IdentityCallError } from "../../src/client.ts";
import { createGateway } from "../../src/gateway/index.ts";
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
  await vi.waitUntil(() => served.calls.length + statuses.length === 1_100, { timeout: 30_000 });
  expect(statuses).toEqual(new Array(76).fill(503));
  expect((await served.profile()).status).toBe(200);

  resolve();
  await Promise.all(logins);
  expect(statuses.filter((status) => status === 200)).toHaveLength(1_024);
  expect((await served.login()).status).toBe(200);
});
