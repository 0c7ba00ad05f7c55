import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { type AnyCall, refusalOf } from "../support/wires.ts";

/** Of each call to WeChat, of which 64 run at a time: so much can be done, on any machine. */
const LATENCY_MS = 250;
const ROOM_PER_SECOND = (64 * 1_000) / LATENCY_MS;

let service: TestService;
beforeAll(async () => {
  service = await startService();
  service.simulator.faults.set({ latencyMs: LATENCY_MS });
});
afterAll(() => service?.[Symbol.asyncDispose]());

/** Logs in; resolves to why not, where that is refused. */
const logIn = () =>
  service.identity.client.miniLogin({ code: service.code("alice") }, { timeoutMs: 10_000 }).then(
    () => "OK",
    ({ reason }) => reason as string,
  );

it("serves a burst to its end", async () => {
  const results = await Promise.all(Array.from({ length: 1_000 }, logIn));
  expect(new Set(results)).toEqual(new Set(["OK"]));
}, 60_000);

it("serves a crowd, each of whom waits for an answer before asking again", async () => {
  const endMs = performance.now() + 4_000;
  const results = new Set<string>();
  const person = async () => {
    while (performance.now() < endMs) results.add(await logIn());
  };
  await Promise.all(Array.from({ length: 300 }, person));
  expect(results).toEqual(new Set(["OK"]));
}, 60_000);

it("at three times the capacity does as much as ever, as soon as ever, and refuses the rest at once", async () => {
  const seconds = 7;
  // Until then it may be a burst.
  const settleMs = 4_000;
  const times: Record<string, number[]> = { OK: [], OVERLOADED: [] };
  const send = async (startedMs: number, isSettled: boolean) => {
    const result = await logIn();
    if (isSettled) times[result]?.push(performance.now() - startedMs);
  };
  const beganMs = performance.now();
  const sent = await sendAtThreeTimes(seconds, (nowMs) => {
    return send(nowMs, nowMs - beganMs > settleMs);
  });
  const settledSeconds = (performance.now() - beganMs - settleMs) / 1_000;
  await Promise.all(sent);
  const { OK: accepted = [], OVERLOADED: refused = [] } = times;
  expect(accepted.length / settledSeconds / ROOM_PER_SECOND).toBeGreaterThan(0.7);
  expect(median(accepted)).toBeLessThan(3 * LATENCY_MS);
  expect(median(refused)).toBeLessThan(LATENCY_MS);
  expect(await logIn()).toBe("OK");
}, 60_000);

it.each(["connect", "grpcWeb"] as const)(
  "turns calls away over %s before it reads them, in the words of the protocol",
  async (wire) => {
    const isTurnedAway = ({ event, wire: of }: { event?: unknown; wire?: unknown }) =>
      event === "turned away" && of === "connect";
    const before = service.logs.filter(isTurnedAway).length;
    let isOver = false;
    const sending = sendAtThreeTimes(60, logIn, () => isOver);
    const login: AnyCall = { method: "miniLogin", request: { code: "malformed, if it were read" } };
    await until(async () => {
      const refusal = await refusalOf(service, wire, login);
      if (refusal?.reason === "LOGIN_CODE_MALFORMED") return false;
      expect(refusal).toMatchObject({ reason: "OVERLOADED", code: 14, hasRetry: true });
      return service.logs.filter(isTurnedAway).length > before;
    });
    isOver = true;
    await Promise.all(await sending);
    expect(await logIn()).toBe("OK");
  },
  60_000,
);

/** Sends three times as many a second as there is room for. */
async function sendAtThreeTimes<T>(
  seconds: number,
  send: (nowMs: number) => T,
  isOver = () => false,
): Promise<T[]> {
  const sent: T[] = [];
  const beganMs = performance.now();
  while (sent.length < 3 * ROOM_PER_SECOND * seconds && !isOver()) {
    const nowMs = performance.now();
    const due = ((nowMs - beganMs) * 3 * ROOM_PER_SECOND) / 1_000;
    while (sent.length < due) sent.push(send(nowMs));
    await sleep(5);
  }
  return sent;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
