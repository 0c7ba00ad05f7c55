import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { APP, OTHER, startSimulator } from "../support/mini-apps.ts";

let nowMs = 0;
let simulator: WechatSimulator;

beforeEach(async () => {
  nowMs = 1_000_000;
  simulator = await startSimulator(() => nowMs);
});

afterEach(() => simulator.close());

function call(changes: Record<string, string | undefined> = {}, init: RequestInit = {}) {
  const query = {
    appid: APP.appId,
    secret: APP.secret,
    js_code: "none",
    grant_type: "authorization_code",
    ...changes,
  };
  const given = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  return fetch(`${simulator.url}/sns/jscode2session?${new URLSearchParams(given)}`, init);
}

async function login(changes: Record<string, string | undefined> = {}) {
  const response = await call(changes);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain");
  return (await response.json()) as Record<string, unknown>;
}

describe("a login", () => {
  it("answers session_key and openid, and no errcode", async () => {
    const answer = await login({ js_code: simulator.issueCode("ann") });
    expect(Object.keys(answer).sort()).toEqual(["openid", "session_key"]);
    expect(answer.openid).toMatch(/^o[\w-]{27}$/);
    expect(Buffer.from(String(answer.session_key), "base64")).toHaveLength(16);
    expect(simulator.calls).toBe(1);
  });

  it("knows a person again, with another openid in each mini program", async () => {
    const first = await login({ js_code: simulator.issueCode("ann") });
    const again = await login({ js_code: simulator.issueCode("ann") });
    const js_code = simulator.issueCode("ann", OTHER.appId);
    const other = await login({ appid: OTHER.appId, secret: OTHER.secret, js_code });
    expect(again.openid).toBe(first.openid);
    expect(again.session_key).not.toBe(first.session_key);
    expect(other.openid).not.toBe(first.openid);
  });

  it("takes a code from /simulator/code", async () => {
    const response = await fetch(`${simulator.url}/simulator/code?person=ann`);
    const js_code = await response.text();
    expect(js_code).toMatch(/^[A-Za-z0-9]{32}$/);
    expect(await login({ js_code })).toHaveProperty("openid");
  });
});

describe("an error", () => {
  it.each([
    [41002, { appid: undefined }],
    [41004, { secret: undefined }],
    [41008, { js_code: undefined }],
    [40002, { grant_type: "client_credential" }],
    [40013, { appid: "wxcccc" }],
    [40125, { secret: OTHER.secret }],
    [40029, {}],
  ])("%i for %o", async (errcode, changes) => {
    const answer = await login(changes);
    expect(answer.errcode).toBe(errcode);
    expect(answer.errmsg).toMatch(/, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/);
  });

  it("40163 for a code used before", async () => {
    const js_code = simulator.issueCode("ann");
    await login({ js_code });
    expect(await login({ js_code })).toMatchObject({ errcode: 40163 });
  });

  it("40029 for the code of another mini program, which stays good for its own", async () => {
    const js_code = simulator.issueCode("ann", OTHER.appId);
    expect(await login({ js_code })).toMatchObject({ errcode: 40029 });
    const { appId: appid, secret } = OTHER;
    expect(await login({ appid, secret, js_code })).toHaveProperty("openid");
  });

  it("40029 for a code 5 minutes old", async () => {
    const [young, old] = [simulator.issueCode("ann"), simulator.issueCode("bob")];
    nowMs += 5 * 60_000 - 1;
    expect(await login({ js_code: young })).toHaveProperty("openid");
    nowMs += 1;
    expect(await login({ js_code: old })).toMatchObject({ errcode: 40029 });
  });

  it("41002 for a POST", async () => {
    const js_code = simulator.issueCode("ann");
    const response = await call({ js_code }, { method: "POST" });
    expect(await response.json()).toMatchObject({ errcode: 41002 });
  });

  it("404 and 400 outside WeChat's own address", async () => {
    const statusOf = async (path: string) => (await fetch(simulator.url + path)).status;
    expect(await statusOf("/nowhere")).toBe(404);
    expect(await statusOf("/simulator/code")).toBe(400);
    expect(await statusOf("/simulator/code?person=ann&appid=wxcccc")).toBe(400);
  });
});

describe("a fault", () => {
  const js = () => ({ js_code: simulator.issueCode("ann") });

  it("answers an errcode so many times and leaves the code unused", async () => {
    const code = js();
    simulator.faults.set({ errcode: -1, times: 2 });
    expect(await login(code)).toMatchObject({ errcode: -1 });
    expect(await login(code)).toMatchObject({ errcode: -1 });
    expect(await login(code)).toHaveProperty("openid");
  });

  it("cuts the connection before the code is used", async () => {
    const code = js();
    simulator.faults.set({ cut: "before", times: 1 });
    await expect(call(code)).rejects.toThrow("fetch failed");
    expect(await login(code)).toHaveProperty("openid");
  });

  it("cuts the connection after the code is used", async () => {
    const code = js();
    simulator.faults.set({ cut: "after", times: 1 });
    await expect(call(code)).rejects.toThrow("fetch failed");
    expect(await login(code)).toMatchObject({ errcode: 40163 });
  });

  it("sends a raw reply", async () => {
    const reply = { status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1>" };
    simulator.faults.set({ reply });
    const response = await call(js());
    expect(response.status).toBe(502);
    expect(response.headers.get("content-type")).toBe("text/html");
    expect(await response.text()).toBe(reply.body);
  });

  it("adds a unionid, the same in each mini program of one scope", async () => {
    simulator.faults.set({ unionid: true });
    const { unionid } = await login(js());
    expect(unionid).toMatch(/^o[\w-]{27}$/);
    const js_code = simulator.issueCode("ann", OTHER.appId);
    const { appId: appid, secret } = OTHER;
    expect(await login({ appid, secret, js_code })).toMatchObject({ unionid });
  });

  it("holds the answer back, and close does not wait for it", async () => {
    simulator.faults.set({ latencyMs: 50, times: 1 });
    const startMs = performance.now();
    await login(js());
    expect(performance.now() - startMs).toBeGreaterThan(45);
    simulator.faults.set({ latencyMs: 60_000 });
    const held = expect(call(js())).rejects.toThrow("fetch failed");
    while (simulator.calls < 2) await new Promise(setImmediate);
    await simulator.close();
    await held;
  });

  it("is set and reset over HTTP", async () => {
    const send = (method: string, body?: string) =>
      fetch(`${simulator.url}/simulator/faults`, body ? { method, body } : { method });
    expect((await send("POST", '{"errcode":45011}')).status).toBe(204);
    expect(await login(js())).toMatchObject({ errcode: 45011 });
    expect((await send("DELETE")).status).toBe(204);
    expect(await login(js())).toHaveProperty("openid");
    expect((await send("POST", '{"errcod":45011}')).status).toBe(400);
    expect((await send("POST", "{")).status).toBe(400);
  });
});
