import { randomInt } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbeddedRedis } from "../../src/dev/embedded-redis.ts";
import { startService, type TestService } from "../support/service.ts";

const LIMIT = 20;

/** Codes that WeChat does not know, so that a login that is let through ends at once. */
let nextCode = 0;

function login({ gateway }: TestService, headers: Record<string, string> = {}, code?: string) {
  return fetch(`${gateway}/api/v1/auth/mini-login`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ code: code ?? `made-up-${nextCode++}` }),
  });
}

async function statusesOf(service: TestService, headers: (i: number) => Record<string, string>) {
  const counts: Record<number, number> = {};
  for (let i = 0; i < 1_000; i += 50) {
    const batch = Array.from({ length: 50 }, async (_, j) => {
      const response = await login(service, headers(i + j));
      await response.text();
      return response.status;
    });
    for (const status of await Promise.all(batch)) counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

const randomAddress = () => Array.from({ length: 4 }, () => randomInt(1, 255)).join(".");

/** With a Redis of the test's own: everybody's tests come from 127.0.0.1. */
async function startLimited(opened: AsyncDisposableStack, env: Record<string, string>) {
  const redis = opened.adopt(await startEmbeddedRedis(), (it) => it.close());
  const RATE_LIMIT_LOGIN = `${LIMIT}/1h`;
  return opened.use(
    await startService({ env: { REDIS_URL: redis.url, RATE_LIMIT_LOGIN, ...env } }),
  );
}

const opened = new AsyncDisposableStack();
afterAll(() => opened.disposeAsync());

describe("without a trusted proxy", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startLimited(opened, {});
  });

  it("tells a client where it stands", async () => {
    const response = await login(service);
    expect(response.headers.get("ratelimit-policy")).toBe(`"login";q=${LIMIT};w=3600`);
    expect(response.headers.get("ratelimit")).toMatch(/^"login";r=19;t=3(600|5\d\d)$/);
  });

  it("counts no login that is malformed", async () => {
    for (let i = 0; i < LIMIT * 2; i++) {
      expect((await login(service, {}, "a b")).status).toBe(400);
    }
    expect((await login(service)).headers.get("ratelimit")).toContain("r=18;");
  });

  it("is not deceived by 1,000 made-up X-Forwarded-For, X-Real-IP and Forwarded", async () => {
    const counts = await statusesOf(service, () => ({
      "x-forwarded-for": `${randomAddress()}, ${randomAddress()}`,
      "x-real-ip": randomAddress(),
      forwarded: `for=${randomAddress()}`,
    }));
    expect(counts).toEqual({ 400: LIMIT - 2, 429: 1_000 - LIMIT + 2 });
  });

  it("says when to come again, in the person's language", async () => {
    const response = await login(service, { "accept-language": "en" });
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(3_000);
    expect(response.headers.get("ratelimit")).toContain("r=0;");
    expect(await response.json()).toMatchObject({
      code: 429,
      reason: "RATE_LIMITED",
      message: "That was too often. Please try again in a moment",
    });
    const profile = await fetch(`${service.gateway}/api/v1/users/me`);
    expect(profile.status).toBe(401);
    await profile.text();
  });
});

describe("behind a trusted proxy", () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startLimited(opened, { TRUSTED_PROXIES: "127.0.0.1,10.0.0.0/8,fd00::/8" });
  });
  const use = async (count: number, forwardedFor: string) => {
    let last = 0;
    for (let i = 0; i < count; i++) {
      const response = await login(service, { "x-forwarded-for": forwardedFor });
      await response.text();
      last = response.status;
    }
    return last;
  };

  it("counts each client for itself", async () => {
    expect(await use(LIMIT, "203.0.113.1")).toBe(400);
    expect(await use(1, "203.0.113.1")).toBe(429);
    expect(await use(1, "203.0.113.2")).toBe(400);
    expect(await use(1, "::ffff:203.0.113.1")).toBe(429);
  });

  it("believes the last hop that is no proxy of ours, whatever stands before it", async () => {
    expect(await use(LIMIT, "198.51.100.7, 203.0.113.3, 10.1.2.3, fd00::1")).toBe(400);
    expect(await use(1, "192.0.2.9, 203.0.113.3, 10.9.9.9")).toBe(429);
    const counts = await statusesOf(service, () => ({
      "x-forwarded-for": `${randomAddress()}, 203.0.113.4`,
    }));
    expect(counts).toEqual({ 400: LIMIT, 429: 1_000 - LIMIT });
  });

  it("takes an IPv6 network of 64 bits for one client", async () => {
    const counts = await statusesOf(service, (i) => ({
      "x-forwarded-for": `2001:db8:1:2:${i.toString(16)}:${randomInt(65_536).toString(16)}::1`,
    }));
    expect(counts).toEqual({ 400: LIMIT, 429: 1_000 - LIMIT });
    expect(await use(1, "2001:db8:1:3::1")).toBe(400);
  });

  it.each(["", "garbage", "1.2.3", "203.0.113.5, garbage", ",,,", "a".repeat(8_000), "unknown"])(
    "counts the proxy where it does not say who it was: %s",
    async (forwardedFor) => {
      const response = await login(service, { "x-forwarded-for": forwardedFor });
      expect([400, 429]).toContain(response.status);
      await response.text();
    },
  );
});

it("counts for itself while Redis is away", async () => {
  const service = await startLimited(opened, { REDIS_URL: "redis://127.0.0.1:1" });
  const counts = await statusesOf(service, () => ({}));
  expect(counts).toEqual({ 400: LIMIT, 429: 1_000 - LIMIT });
});
