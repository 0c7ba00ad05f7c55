import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { AccessTokens } from "../../src/dev/wechat-tokens.ts";
import { APP, OTHER, startSimulator } from "../support/mini-apps.ts";

const MINUTE_MS = 60_000;

let nowMs = 0;
let simulator: WechatSimulator;

beforeEach(async () => {
  nowMs = 1_000_000_000;
  simulator = await startSimulator(() => nowMs);
});

afterEach(() => simulator.close());

async function send(body: string) {
  const url = `${simulator.url}/cgi-bin/stable_token`;
  const response = await fetch(url, { method: "POST", body });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json; charset=UTF-8");
  return (await response.json()) as Record<string, unknown>;
}

function ask(changes: Record<string, unknown> = {}) {
  const { appId: appid, secret } = APP;
  return send(JSON.stringify({ grant_type: "client_credential", appid, secret, ...changes }));
}

const take = async (changes = {}) => String((await ask(changes)).access_token);
const force = () => take({ force_refresh: true });

/** The errcode an endpoint answers: 40029 where it takes the token, as there is no such code. */
async function errcodeFor(token: string): Promise<unknown> {
  const query = new URLSearchParams({ access_token: token });
  const url = `${simulator.url}/wxa/business/getuserphonenumber?${query}`;
  const response = await fetch(url, { method: "POST", body: '{"code":"none"}' });
  return ((await response.json()) as Record<string, unknown>).errcode;
}

describe("the normal mode", () => {
  it("answers one token again and again, with the seconds left to it", async () => {
    const first = await ask();
    expect(Object.keys(first)).toEqual(["access_token", "expires_in"]);
    expect(first.access_token).toMatch(/^[\w-]{120,140}$/);
    expect(first.expires_in).toBe(7200);
    nowMs += 100_000;
    expect(await ask({ force_refresh: false })).toEqual({ ...first, expires_in: 7100 });
    expect(simulator.tokenCalls).toBe(2);
    expect(simulator.calls).toBe(0);
  });

  it("keeps a token for each mini program", async () => {
    const { appId: appid, secret } = OTHER;
    expect(await take({ appid, secret })).not.toBe(await take());
  });

  it("renews 5 minutes before the end, and the old token lives to its own end", async () => {
    const old = await take();
    nowMs += 115 * MINUTE_MS - 1;
    expect(await take()).toBe(old);
    nowMs += 1;
    const young = await ask();
    expect(young).toMatchObject({ expires_in: 7200 });
    expect(young.access_token).not.toBe(old);
    nowMs += 5 * MINUTE_MS - 1;
    expect(await errcodeFor(old)).toBe(40029);
    nowMs += 1;
    expect(await errcodeFor(old)).toBe(42001);
    expect(await errcodeFor(String(young.access_token))).toBe(40029);
  });

  it("gives a new token after a revocation, which no other mini program notices", async () => {
    const { appId: appid, secret } = OTHER;
    const [old, other] = [await take(), await take({ appid, secret })];
    simulator.revokeToken();
    expect(await errcodeFor(old)).toBe(40001);
    expect(await errcodeFor(other)).toBe(40029);
    expect(await errcodeFor(await take())).toBe(40029);
    simulator.revokeToken(OTHER.appId);
    expect(await errcodeFor(other)).toBe(40001);
    expect(() => simulator.revokeToken("wxcccc")).toThrow(RangeError);
  });
});

describe("force_refresh", () => {
  it("ends the token of before", async () => {
    const old = await take();
    const young = await force();
    expect(await errcodeFor(old)).toBe(40001);
    expect(await errcodeFor(young)).toBe(40029);
    expect(await take()).toBe(young);
  });

  it("does nothing within 30 s of the last", async () => {
    const first = await force();
    nowMs += 29_999;
    expect(await force()).toBe(first);
    nowMs += 1;
    expect(await force()).not.toBe(first);
  });

  it("does nothing after 20 in a day", async () => {
    const tokens = new Set<string>();
    for (let i = 0; i < 25; i++) {
      tokens.add(await force());
      nowMs += 30_000;
    }
    expect(tokens.size).toBe(20);
    nowMs += 24 * 60 * MINUTE_MS;
    expect(tokens).not.toContain(await force());
  });
});

describe("an error", () => {
  it.each([
    [41002, { appid: undefined }],
    [41004, { secret: undefined }],
    [40002, { grant_type: "authorization_code" }],
    [40013, { appid: "wxcccc" }],
    [40125, { secret: OTHER.secret }],
    [47001, { appid: 7 }],
  ])("%i for %o", async (errcode, changes) => {
    const answer = await ask(changes);
    expect(answer).toMatchObject({ errcode });
    expect(answer.errmsg).toMatch(/, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/);
  });

  it("47001 for what is no JSON, 43002 for a GET", async () => {
    expect(await send("appid=wxaaaa")).toMatchObject({ errcode: 47001 });
    const response = await fetch(`${simulator.url}/cgi-bin/stable_token`);
    expect(await response.json()).toMatchObject({ errcode: 43002 });
  });

  it("40164 on demand", async () => {
    simulator.faults.set({ path: "/cgi-bin/stable_token", errcode: 40164, times: 1 });
    const errmsg = expect.stringContaining("not in whitelist");
    expect(await ask()).toMatchObject({ errcode: 40164, errmsg });
    expect(await ask()).toHaveProperty("access_token");
  });

  it("45011 after 10,000 calls in a minute", async () => {
    const tokens = new AccessTokens(() => nowMs);
    const taken = Array.from({ length: 10_001 }, () => tokens.takeCall(APP.appId));
    expect(taken.indexOf(false)).toBe(10_000);
    expect(tokens.takeCall(OTHER.appId)).toBe(true);
    nowMs += MINUTE_MS;
    expect(tokens.takeCall(APP.appId)).toBe(true);

    for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 100 }, () => ask()));
    expect(await ask()).toMatchObject({ errcode: 45011 });
  });
});

it("is named by what is wrong with it: missing, not known", async () => {
  expect(await errcodeFor("")).toBe(41001);
  expect(await errcodeFor("none")).toBe(40001);
});
