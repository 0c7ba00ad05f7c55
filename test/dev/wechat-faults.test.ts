import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { APP, startSimulator } from "../support/mini-apps.ts";

const LOGIN = "/sns/jscode2session";
const TOKEN = "/cgi-bin/stable_token";
const PHONE = "/wxa/business/getuserphonenumber";

let simulator: WechatSimulator;

beforeEach(async () => {
  simulator = await startSimulator();
});

afterEach(() => simulator.close());

function callToken() {
  const body = { grant_type: "client_credential", appid: APP.appId, secret: APP.secret };
  return fetch(simulator.url + TOKEN, { method: "POST", body: JSON.stringify(body) });
}

function callPhone(access_token: string, code: string) {
  const url = `${simulator.url}${PHONE}?${new URLSearchParams({ access_token })}`;
  return fetch(url, { method: "POST", body: JSON.stringify({ code }) });
}

function callLogin() {
  const query = {
    appid: APP.appId,
    secret: APP.secret,
    js_code: simulator.issueCode("ann"),
    grant_type: "authorization_code",
  };
  return fetch(`${simulator.url}${LOGIN}?${new URLSearchParams(query)}`);
}

const json = async (response: Promise<Response>) =>
  (await (await response).json()) as Record<string, unknown>;

describe("a fault with a path", () => {
  it("is that path's only, and one without is of jscode2session", async () => {
    simulator.faults.set({ errcode: -1 });
    expect(await json(callToken())).toHaveProperty("access_token");
    simulator.faults.set({ path: TOKEN, errcode: 40164 });
    expect(await json(callLogin())).toMatchObject({ errcode: -1 });
    expect(await json(callToken())).toMatchObject({ errcode: 40164 });
    simulator.faults.set({});
    expect(await json(callLogin())).toHaveProperty("openid");
    expect(await json(callToken())).toMatchObject({ errcode: 40164 });
    simulator.faults.set({ path: TOKEN, errcode: 45011 });
    expect(await json(callToken())).toMatchObject({ errcode: 45011 });
    simulator.faults.clear();
    expect(await json(callToken())).toHaveProperty("access_token");
  });

  it("counts the calls of its path only", async () => {
    simulator.faults.set({ path: LOGIN, errcode: -1, times: 1 });
    simulator.faults.set({ path: TOKEN, errcode: -1, times: 2 });
    expect(await json(callToken())).toMatchObject({ errcode: -1 });
    expect(await json(callToken())).toMatchObject({ errcode: -1 });
    expect(await json(callToken())).toHaveProperty("access_token");
    expect(await json(callLogin())).toMatchObject({ errcode: -1 });
    expect(await json(callLogin())).toHaveProperty("openid");
  });

  it("cuts, before and after the code is used", async () => {
    const token = String((await json(callToken())).access_token);
    const code = simulator.issuePhoneCode("13800138000");
    simulator.faults.set({ path: PHONE, cut: "before", times: 1 });
    await expect(callPhone(token, code)).rejects.toThrow("fetch failed");
    simulator.faults.set({ path: PHONE, cut: "after", times: 1 });
    await expect(callPhone(token, code)).rejects.toThrow("fetch failed");
    expect(await json(callPhone(token, code))).toMatchObject({ errcode: 40029 });
  });

  it("sends a raw reply, late", async () => {
    const reply = { status: 502, contentType: "text/html", body: "<h1>Bad Gateway</h1>" };
    simulator.faults.set({ path: TOKEN, reply, latencyMs: 50 });
    const startMs = performance.now();
    const response = await callToken();
    expect(performance.now() - startMs).toBeGreaterThan(45);
    expect(response.status).toBe(502);
    expect(response.headers.get("content-type")).toBe("text/html");
    expect(await response.text()).toBe(reply.body);
    expect(simulator.tokenCalls).toBe(1);
  });

  it("is set over HTTP, where there is such a path", async () => {
    const send = (body: object) =>
      fetch(`${simulator.url}/simulator/faults`, { method: "POST", body: JSON.stringify(body) });
    expect((await send({ path: TOKEN, errcode: 40125 })).status).toBe(204);
    expect(await json(callToken())).toMatchObject({ errcode: 40125 });
    expect(await json(callLogin())).toHaveProperty("openid");
    expect((await send({ path: "/nowhere", errcode: 40125 })).status).toBe(400);
  });
});
