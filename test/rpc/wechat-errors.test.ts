import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
let nowMs = Date.now();
beforeAll(async () => {
  service = await startService({ now: () => nowMs });
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(() => {
  service.simulator.faults.clear();
  // A quota that was used up is there again.
  nowMs += 60_000;
});

const login = () => service.grpc.miniLogin({ code: service.code("alice") });

it("asks again when WeChat is busy, twice at most, and spends no code by it", async () => {
  service.simulator.faults.set({ errcode: -1, times: 2 });
  const before = service.simulator.calls;
  expect((await login()).user).toBeDefined();
  expect(service.simulator.calls - before).toBe(3);
  service.simulator.faults.set({ errcode: -1 });
  await expect(login()).rejects.toMatchObject({ reason: "UPSTREAM_BUSY", retryAfterMs: 1_000 });
  expect(service.simulator.calls - before).toBe(6);
});

it.each([
  ["a cut before", { cut: "before" }],
  ["a cut after the code was spent", { cut: "after" }],
  ["HTTP 502", { reply: { status: 502, contentType: "text/html", body: "" } }],
  ["a quota", { errcode: 45011 }],
] as const)("asks only once after %s", async (_name, fault) => {
  service.simulator.faults.set(fault);
  const before = service.simulator.calls;
  await expect(login()).rejects.toMatchObject({ reason: expect.stringMatching(/^UPSTREAM_/) });
  expect(service.simulator.calls - before).toBe(1);
});

it("tells the operator what to do, with WeChat's rid, at error once a minute", async () => {
  service.simulator.faults.set({ errcode: 40164 });
  for (let i = 0; i < 5; i++) {
    await expect(login()).rejects.toMatchObject({ reason: "APP_MISCONFIGURED" });
  }
  const lines = service.logs.filter(({ reason }) => reason === "APP_MISCONFIGURED");
  expect(lines.map(({ level }) => level)).toEqual(["error", "warn", "warn", "warn", "warn"]);
  expect(lines[0]).toMatchObject({
    err: {
      message: "WeChat refuses this mini program: this machine's address is not allowed",
      cause: {
        code: expect.stringMatching(/^40164 rid [0-9a-f-]{8,}$/),
        toDo: "add the address to the IP allow-list in the console",
      },
    },
  });
});

it.each([
  [40002, "INTERNAL"],
  [41008, "INTERNAL"],
  [50002, "LOGIN_RISK_BLOCKED"],
  [89503, "APP_MISCONFIGURED"],
  [99999, "UPSTREAM_BAD_RESPONSE"],
])("takes errcode %s for %s", async (errcode, reason) => {
  service.simulator.faults.set({ errcode });
  await expect(login()).rejects.toMatchObject({ reason });
});

it("keeps WeChat's older kind of request id, too", async () => {
  const errmsg = "invalid code hints: [ req_id: aBcD-12345678 ]";
  const body = JSON.stringify({ errcode: 40029, errmsg });
  service.simulator.faults.set({ reply: { status: 200, contentType: "text/plain", body } });
  await expect(login()).rejects.toMatchObject({ reason: "LOGIN_CODE_INVALID" });
  expect(JSON.stringify(service.logs.at(-1))).toContain('"code":"40029 rid aBcD-12345678"');
});
