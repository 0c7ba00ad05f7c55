import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startService();
  token = (await service.grpc.miniLogin({ code: service.code("alice") })).accessToken;
  await service.sql`alter table users rename to users_moved`;
});
afterAll(() => service?.[Symbol.asyncDispose]());

const TEXT = "something went wrong on our side";

describe("what is unforeseen is INTERNAL, with a text that tells nothing", () => {
  it.each(RPC_WIRES)("on the wire %s", async (wire) => {
    const refusal = await refusalOf(service, wire, { method: "getProfile", token });
    expect(refusal).toEqual({
      code: 13,
      reason: "INTERNAL",
      message: TEXT,
      field: undefined,
      hasRetry: false,
    });
  });

  it("at the gateway", async () => {
    const response = await askGateway(service, { method: "getProfile", token });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: 500, reason: "INTERNAL" });
    expect(text).not.toMatch(/users|relation|select/);
  });

  it("in the log with its cause's shape, never its text", () => {
    const line = service.logs.find(({ reason }) => reason === "INTERNAL");
    expect(line).toMatchObject({ level: "error", method: "GetProfile" });
    expect(JSON.stringify(line)).toContain('"code":"42P01"');
    expect(JSON.stringify(line)).not.toMatch(/relation|select/);
  });
});
