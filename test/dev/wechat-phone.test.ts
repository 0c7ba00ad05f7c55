import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { APP, OTHER, startSimulator } from "../support/mini-apps.ts";

const PATH = "/wxa/business/getuserphonenumber";

let nowMs = 0;
let simulator: WechatSimulator;

beforeEach(async () => {
  nowMs = 1_000_000_500;
  simulator = await startSimulator(() => nowMs);
});

afterEach(() => simulator.close());

async function takeToken({ appId: appid, secret } = APP): Promise<string> {
  const body = JSON.stringify({ grant_type: "client_credential", appid, secret });
  const response = await fetch(`${simulator.url}/cgi-bin/stable_token`, { method: "POST", body });
  return ((await response.json()) as { access_token: string }).access_token;
}

async function ask(code: unknown, access_token?: string) {
  const query = new URLSearchParams({ access_token: access_token ?? (await takeToken()) });
  const url = `${simulator.url}${PATH}?${query}`;
  const response = await fetch(url, { method: "POST", body: JSON.stringify({ code }) });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json; charset=UTF-8");
  return (await response.json()) as Record<string, unknown>;
}

describe("a phone number", () => {
  it("is answered with its watermark", async () => {
    expect(await ask(simulator.issuePhoneCode("13800138000"))).toEqual({
      errcode: 0,
      errmsg: "ok",
      phone_info: {
        phoneNumber: "13800138000",
        purePhoneNumber: "13800138000",
        countryCode: 86,
        watermark: { timestamp: 1_000_000, appid: APP.appId },
      },
    });
  });

  it("from abroad has its country code in front", async () => {
    const code = simulator.issuePhoneCode({ purePhoneNumber: "51234567", countryCode: 852 });
    const phone_info = { phoneNumber: "85251234567", purePhoneNumber: "51234567" };
    expect(await ask(code)).toMatchObject({ phone_info: { ...phone_info, countryCode: 852 } });
  });

  it("has its country code as text on demand", async () => {
    simulator.faults.set({ path: PATH, countryCodeAsText: true });
    const code = simulator.issuePhoneCode("13800138000");
    expect(await ask(code)).toMatchObject({ phone_info: { countryCode: "86" } });
  });

  it("is another mini program's with its token", async () => {
    const code = simulator.issuePhoneCode("13800138000", OTHER.appId);
    const watermark = { appid: OTHER.appId };
    expect(await ask(code, await takeToken(OTHER))).toMatchObject({ phone_info: { watermark } });
  });

  it("comes for a code from /simulator/phone-code", async () => {
    const url = `${simulator.url}/simulator/phone-code`;
    const code = await (await fetch(`${url}?phone=51234567&country=852`)).text();
    expect(code).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(await ask(code)).toMatchObject({ phone_info: { countryCode: 852 } });
    for (const query of ["", "?phone=1a", "?phone=51234567&country=x", "?phone=51234567&appid=x"]) {
      expect((await fetch(url + query)).status, query).toBe(400);
    }
  });
});

describe("an error", () => {
  it("40029 for a code that is used, 5 minutes old, not known or none", async () => {
    const [used, old] = [simulator.issuePhoneCode("1380013"), simulator.issuePhoneCode("1380014")];
    nowMs += 5 * 60_000 - 1;
    expect(await ask(used)).toMatchObject({ errcode: 0 });
    expect(await ask(used)).toMatchObject({ errcode: 40029 });
    nowMs += 1;
    for (const code of [old, "none", "", undefined]) {
      const errmsg = expect.stringMatching(/^invalid code, rid: /);
      expect(await ask(code)).toEqual({ errcode: 40029, errmsg });
    }
  });

  it("40029 for a login's code, and for a phone's code at a login", async () => {
    expect(await ask(simulator.issueCode("ann"))).toMatchObject({ errcode: 40029 });
    const { appId: appid, secret } = APP;
    const js_code = simulator.issuePhoneCode("13800138000");
    const grant_type = "authorization_code";
    const query = new URLSearchParams({ appid, secret, js_code, grant_type });
    const response = await fetch(`${simulator.url}/sns/jscode2session?${query}`);
    expect(await response.json()).toMatchObject({ errcode: 40029 });
  });

  it("40013 for the token of another mini program; the code stays good for its own", async () => {
    const code = simulator.issuePhoneCode("13800138000");
    expect(await ask(code, await takeToken(OTHER))).toMatchObject({ errcode: 40013 });
    expect(await ask(code)).toMatchObject({ errcode: 0 });
  });

  it("41001, 40001 and 42001 for a token that is missing, revoked or old", async () => {
    const code = simulator.issuePhoneCode("13800138000");
    const revoked = await takeToken();
    simulator.revokeToken();
    const old = await takeToken();
    expect(await ask(code, "")).toMatchObject({ errcode: 41001 });
    const errmsg = expect.stringMatching(
      /^invalid credential, access_token is invalid or not latest.*, rid: /,
    );
    expect(await ask(code, revoked)).toEqual({ errcode: 40001, errmsg });
    nowMs += 7_200_000;
    expect(await ask(code, old)).toMatchObject({ errcode: 42001 });
  });

  it("47001 for a code that is no text, 43002 for a GET", async () => {
    expect(await ask(7)).toMatchObject({ errcode: 47001 });
    const response = await fetch(simulator.url + PATH);
    expect(await response.json()).toMatchObject({ errcode: 43002 });
  });

  it("any on demand, and the code stays unused", async () => {
    const code = simulator.issuePhoneCode("13800138000");
    simulator.faults.set({ path: PATH, errcode: -1, times: 1 });
    expect(await ask(code)).toMatchObject({ errcode: -1 });
    expect(await ask(code)).toMatchObject({ errcode: 0 });
  });
});
