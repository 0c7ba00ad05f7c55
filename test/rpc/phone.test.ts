import { Code, type ConnectError } from "@connectrpc/connect";
import type { ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { IdentityCallError } from "../../src/client.ts";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import { CALLER_SECRET, startService, type TestService } from "../support/service.ts";

const PATH = "/wxa/business/getuserphonenumber" as const;

let service: TestService;
let people = 0;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(() => service.simulator.faults.clear());

async function newPerson() {
  const code = service.code(`person-${people++}`);
  const { accessToken: token, user } = await service.grpc.miniLogin({ code });
  return { token, id: user?.id as bigint };
}

/** A number that nobody has yet. */
const newNumber = () => `138${String(10_000_000 + people++).padStart(8, "0")}`;

const bind = {
  grpc: async (token: string, code: string) => {
    return (await service.grpc.bindPhone({ code }, { token })).user?.phoneMasked;
  },
  connect: async (token: string, code: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await service.connect.bindPhone({ code }, { headers })).user?.phoneMasked;
  },
};

async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (it) => it,
  );
  if (error instanceof IdentityCallError) {
    return { code: (error.cause as ServiceError).code, reason: error.reason };
  }
  const [info] = (error as ConnectError).findDetails(ErrorInfoSchema);
  return { code: (error as ConnectError).code, reason: info?.reason };
}

describe.each(["grpc", "connect"] as const)("over %s", (wire) => {
  it("binds the number, and masks it for its owner", async () => {
    const { token, id } = await newPerson();
    const phone = newNumber();
    const masked = `${phone.slice(0, 3)}****${phone.slice(-4)}`;
    expect(await bind[wire](token, service.simulator.issuePhoneCode(phone))).toBe(masked);
    const profile = await service.grpc.getProfile({}, { token });
    expect(profile.user).toMatchObject({ phoneMasked: masked, version: 2n });
    const by = { case: "phone" as const, value: `+86${phone}` };
    const found = (await service.directory.getUser({ by })).user;
    expect(found).toMatchObject({ phone: `+86${phone}`, user: { id, phoneMasked: masked } });
  });

  it("takes another number in its place, and a code again for the same", async () => {
    const { token, id } = await newPerson();
    const [first, second] = [newNumber(), newNumber()];
    for (const phone of [first, second, second]) {
      await bind[wire](token, service.simulator.issuePhoneCode(phone));
    }
    const lookUp = (phone: string) =>
      service.directory.getUser({ by: { case: "phone", value: `+86${phone}` } });
    expect((await lookUp(second)).user?.user?.id).toBe(id);
    await expect(lookUp(first)).rejects.toMatchObject({ reason: "USER_NOT_FOUND" });
  });

  it("reads a country code that is text, and a number from abroad", async () => {
    const { token, id } = await newPerson();
    service.simulator.faults.set({ path: PATH, countryCodeAsText: true });
    const purePhoneNumber = String(51_000_000 + people++);
    const code = service.simulator.issuePhoneCode({ purePhoneNumber, countryCode: 852 });
    expect(await bind[wire](token, code)).toBe(`+852 ****${purePhoneNumber.slice(-4)}`);
    const { user } = await service.directory.getUser({ by: { case: "id", value: id } });
    expect(user?.phone).toBe(`+852${purePhoneNumber}`);
  });

  it("refuses a number that is another user's, and changes nothing", async () => {
    const [owner, other] = [await newPerson(), await newPerson()];
    const phone = newNumber();
    await bind[wire](owner.token, service.simulator.issuePhoneCode(phone));
    const again = bind[wire](other.token, service.simulator.issuePhoneCode(phone));
    expect(await refusalOf(again)).toEqual({ code: Code.AlreadyExists, reason: "PHONE_TAKEN" });
    const { user } = await service.grpc.getProfile({}, { token: other.token });
    expect(user).toMatchObject({ phoneMasked: "", version: 1n });
  });

  it.each([
    ["unknown", () => "nobody-got-this"],
    ["malformed", () => "a b"],
    ["a login code", () => service.code("someone")],
  ])("refuses a code that is %s", async (_name, code) => {
    const { token } = await newPerson();
    const refusal = await refusalOf(bind[wire](token, code()));
    expect(refusal).toEqual({ code: Code.InvalidArgument, reason: "PHONE_CODE_INVALID" });
  });

  it("refuses a code that was used", async () => {
    const { token } = await newPerson();
    const code = service.simulator.issuePhoneCode(newNumber());
    await bind[wire](token, code);
    expect(await refusalOf(bind[wire](token, code))).toMatchObject({
      reason: "PHONE_CODE_INVALID",
    });
  });

  it("does not spend the code of a disabled person", async () => {
    const { token, id } = await newPerson();
    await service.sql`update users set disabled = true where id = ${String(id)}`;
    const code = service.simulator.issuePhoneCode(newNumber());
    expect(await refusalOf(bind[wire](token, code))).toMatchObject({ reason: "USER_DISABLED" });
    await service.sql`update users set disabled = false where id = ${String(id)}`;
    expect(await bind[wire](token, code)).toContain("****");
  });

  it.each(["{}", '{"phone_info":{}}', '{"phone_info":{"purePhoneNumber":5}}', "<html>"])(
    "changes nothing for WeChat's reply %s",
    async (body) => {
      const { token } = await newPerson();
      service.simulator.faults.set({
        path: PATH,
        reply: { status: 200, contentType: "application/json", body },
      });
      const code = service.simulator.issuePhoneCode(newNumber());
      const refusal = await refusalOf(bind[wire](token, code));
      expect(refusal).toMatchObject({ reason: "UPSTREAM_BAD_RESPONSE" });
      expect((await service.grpc.getProfile({}, { token })).user?.version).toBe(1n);
    },
  );
});

it("lets one of many who claim a number at once have it", async () => {
  const phone = newNumber();
  const claimants = await Promise.all(Array.from({ length: 10 }, newPerson));
  const claims = claimants.map(({ token }) =>
    bind.grpc(token, service.simulator.issuePhoneCode(phone)).then(
      () => "OK",
      (error) => error.reason,
    ),
  );
  const outcomes = await Promise.all(claims);
  expect(outcomes.toSorted()).toEqual(["OK", ...Array(9).fill("PHONE_TAKEN")]);
});

it("binds at the gateway", async () => {
  const { token } = await newPerson();
  const post = (body: object) =>
    fetch(`${service.gateway}/api/v1/users/me/phone`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  const phone = newNumber();
  const bound = await post({ code: service.simulator.issuePhoneCode(phone) });
  expect(bound.status).toBe(200);
  expect(bound.headers.get("etag")).toBe('"2"');
  expect(await bound.json()).toMatchObject({
    phone: `${phone.slice(0, 3)}****${phone.slice(-4)}`,
    version: 2,
  });
  for (const code of ["a b", 5, "nobody-got-this"]) {
    const refused = await post({ code });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ reason: "PHONE_CODE_INVALID" });
  }
  const taken = service.simulator.issuePhoneCode(phone);
  const other = await newPerson();
  const response = await fetch(`${service.gateway}/api/v1/users/me/phone`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${other.token}` },
    body: JSON.stringify({ code: taken }),
  });
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ reason: "PHONE_TAKEN" });
});

it("keeps no number readable: not in the database, not in the log", async () => {
  const { token } = await newPerson();
  const phone = newNumber();
  await bind.grpc(token, service.simulator.issuePhoneCode(phone));
  const rows = await service.sql`select * from users`;
  expect(JSON.stringify(rows)).not.toContain(phone);
  expect(rows.at(-1)?.phone_sealed).toMatch(/^test\./);
  expect(JSON.stringify(service.logs)).not.toContain(phone);
  const headers = { authorization: `Bearer ${CALLER_SECRET}` };
  const byDigits = service.directoryConnect.getUser(
    { by: { case: "phone", value: phone } },
    { headers },
  );
  await expect(byDigits).rejects.toMatchObject({ code: Code.InvalidArgument });
});
