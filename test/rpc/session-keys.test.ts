import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startService, type TestService } from "../support/service.ts";

const OPENID = "oSLOWandFAST";
const OLDER = "AAAAAAAAAAAAAAAAAAAAAA==";
const NEWER = "BBBBBBBBBBBBBBBBBBBBBA==";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

/** WeChat answers the next exchange with this key, after a while. */
const answer = (session_key: string, latencyMs: number) =>
  service.simulator.faults.set({
    latencyMs,
    times: 1,
    reply: {
      status: 200,
      contentType: "text/plain",
      body: JSON.stringify({ openid: OPENID, session_key }),
    },
  });

const isKept = async (sessionKey: string) => {
  const rawData = "{}";
  const signature = createHash("sha1")
    .update(rawData + sessionKey)
    .digest("hex");
  const call = service.directory.verifySignature({ openid: OPENID, rawData, signature });
  return call.then(
    () => true,
    () => false,
  );
};

it("keeps the key of the exchange that began later, whichever ends first", async () => {
  const before = service.simulator.calls;
  answer(OLDER, 500);
  const slow = service.grpc.miniLogin({ code: service.code("x") });
  await vi.waitUntil(() => service.simulator.calls > before);
  answer(NEWER, 0);
  await service.grpc.miniLogin({ code: service.code("x") });
  expect(await isKept(NEWER)).toBe(true);
  expect((await slow).sessionKeyCached).toBe(true);
  expect(await isKept(NEWER)).toBe(true);
  expect(await isKept(OLDER)).toBe(false);
});

it("takes the next key after that", async () => {
  answer(OLDER, 0);
  await service.grpc.miniLogin({ code: service.code("x") });
  expect(await isKept(OLDER)).toBe(true);
});
