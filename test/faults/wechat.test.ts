import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { IdentityCallError } from "../../src/client.ts";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";

let service: TestService;
let nowMs = Date.now();
beforeAll(async () => {
  service = await startService({ now: () => nowMs });
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(async () => {
  service.simulator.faults.clear();
  nowMs += 60_000;
  await until(() => login("warm").then(Boolean, () => false));
});

const login = (person: string, code = service.code(person)) => service.grpc.miniLogin({ code });
const failureOf = (call: Promise<unknown>): Promise<IdentityCallError | undefined> =>
  call.then(
    () => undefined,
    (error) => error,
  );
const times = <T>(count: number, work: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)));

/** How often WeChat is asked meanwhile. */
async function callsDuring(work: () => Promise<unknown>): Promise<number> {
  const before = service.simulator.calls;
  await work();
  return service.simulator.calls - before;
}

it("leaves a WeChat alone that does not answer, and says so at once, until it is back", async () => {
  const { accessToken, refreshToken } = await login("alice");
  service.simulator.faults.set({ latencyMs: 60_000 });
  const slow = await times(60, () => failureOf(login("alice")));
  // Not by the deadline of the call, which is 4 s.
  expect(new Set(slow.map((error) => error?.reason))).toEqual(new Set(["UPSTREAM_BUSY"]));
  const calls = await callsDuring(async () => {
    const refused = await times(100, () => failureOf(login("alice")));
    for (const error of refused) {
      expect(error).toMatchObject({ reason: "UPSTREAM_BUSY", retryAfterMs: 1_000 });
    }
  });
  // One may have tried it.
  expect(calls).toBeLessThanOrEqual(1);
  await service.grpc.refreshToken({ refreshToken });
  await service.directory.verifyToken({ accessToken });
  service.simulator.faults.clear();
  await until(() => login("alice").then(Boolean, () => false));
});

it("gets nearly everybody in while WeChat is busy for 30 % of the calls", async () => {
  service.simulator.faults.set({ errcode: -1, share: 0.3 });
  let failed = 0;
  for (let batch = 0; batch < 30; batch++) {
    const reasons = await times(50, (i) => failureOf(login(`busy-${i}`)));
    failed += reasons.filter(Boolean).length;
  }
  // Three tries in a row fail for 2.7 %: 41 of 1,500, and 66 only by a chance of 1 in 10,000.
  expect(failed).toBeLessThan(66);
  expect(failed).toBeGreaterThan(0);
});

it("asks WeChat once a second while its quota is used up", async () => {
  nowMs = Math.floor(nowMs / 60_000) * 60_000;
  service.simulator.faults.set({ errcode: 45011 });
  const quota = async () => {
    const errors = await times(50, () => failureOf(login("many")));
    expect(new Set(errors.map((error) => error?.reason))).toEqual(new Set(["UPSTREAM_QUOTA"]));
    return errors;
  };
  expect(await callsDuring(() => failureOf(login("many")))).toBe(1);
  expect(await callsDuring(quota)).toBe(0);
  const [refused] = await quota();
  expect(refused?.retryAfterMs).toBe(60_000);
  nowMs += 1_000;
  expect(await callsDuring(quota)).toBe(1);
  service.simulator.faults.clear();
  expect(await callsDuring(quota)).toBe(0);
  nowMs += 1_000;
  expect(await callsDuring(() => login("many"))).toBe(1);
  expect(await callsDuring(() => times(50, () => login("many")))).toBe(50);
});

it("asks WeChat once about a bad code that comes 1,000 times", async () => {
  const bad = () => failureOf(login("", "nobody-got-this-code"));
  const calls = await callsDuring(async () => {
    const errors = [...(await times(500, bad)), ...(await times(500, bad))];
    expect(errors.every((error) => error?.reason === "LOGIN_CODE_INVALID")).toBe(true);
  });
  expect(calls).toBe(1);
  nowMs += 60_000;
  expect(await callsDuring(bad)).toBe(1);
});

it("asks WeChat about none of 10,000 malformed codes", async () => {
  const { client } = service.identity;
  const malformed = ["", " ", "a b", "a&b", "%00", "a\n", "x".repeat(129), "１２", "a=b", "\ud800"];
  const calls = await callsDuring(async () => {
    for (let i = 0; i < 10_000; i++) {
      const error = await failureOf(client.miniLogin({ code: malformed[i % 10] ?? "" }));
      expect(error?.reason).toBe("LOGIN_CODE_MALFORMED");
    }
  });
  expect(calls).toBe(0);
});

it("gets everybody in with one more code for each connection that was cut", async () => {
  service.simulator.faults.set({ cut: "after", share: 0.3 });
  let codes = 0;
  let cuts = 0;
  /** What a client does: another code when this one was spent, and patience when WeChat is busy. */
  const getIn = async (person: string) => {
    for (let code = service.code(person); ; ) {
      const failure = await failureOf(login(person, code));
      if (failure === undefined) {
        codes++;
        return;
      }
      if (failure.reason === "LOGIN_CODE_USED") {
        codes++;
        cuts++;
        code = service.code(person);
      } else expect(failure.reason).toBe("UPSTREAM_BUSY");
    }
  };
  for (let batch = 0; batch < 20; batch++) await times(15, (i) => getIn(`cut-${batch}-${i}`));
  expect(cuts).toBeGreaterThan(30);
  expect(codes).toBe(300 + cuts);
  const [row] = await service.sql`
    select count(*)::int as count from users where id > 0 and nickname = '微信用户'`;
  expect(row?.count).toBeGreaterThanOrEqual(300);
});
