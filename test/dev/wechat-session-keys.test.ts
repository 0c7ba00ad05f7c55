import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { signEmpty } from "../../src/dev/wechat-session-keys.ts";
import type { WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { APP, OTHER, startSimulator } from "../support/mini-apps.ts";

let nowMs = 0;
let simulator: WechatSimulator;

beforeEach(async () => {
  nowMs = 1_000_000_000;
  simulator = await startSimulator(() => nowMs);
});

afterEach(() => simulator.close());

async function login(js_code: string, { appId: appid, secret } = APP) {
  const query = { appid, secret, js_code, grant_type: "authorization_code" };
  const url = `${simulator.url}/sns/jscode2session?${new URLSearchParams(query)}`;
  return (await (await fetch(url)).json()) as { openid: string; session_key: string };
}

async function takeToken({ appId: appid, secret } = APP): Promise<string> {
  const body = JSON.stringify({ grant_type: "client_credential", appid, secret });
  const response = await fetch(`${simulator.url}/cgi-bin/stable_token`, { method: "POST", body });
  return ((await response.json()) as { access_token: string }).access_token;
}

async function ask(
  name: "checksession" | "resetusersessionkey",
  { openid, session_key }: { openid: string; session_key: string },
  changes: Record<string, string> = {},
) {
  const query = {
    access_token: await takeToken(),
    openid,
    signature: createHmac("sha256", session_key).digest("hex"),
    sig_method: "hmac_sha256",
    ...changes,
  };
  const response = await fetch(`${simulator.url}/wxa/${name}?${new URLSearchParams(query)}`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json; charset=UTF-8");
  return (await response.json()) as Record<string, unknown>;
}

describe("a session_key", () => {
  it("is one at a time: a new login code ends it, a login does not", async () => {
    const code = simulator.issueCode("ann");
    const present = simulator.sessionKeyOf("ann");
    const first = await login(code);
    expect(first.session_key).toBe(present);
    expect(simulator.sessionKeyOf("ann")).toBe(present);
    expect(await ask("checksession", first)).toEqual({ errcode: 0, errmsg: "ok" });

    const next = simulator.issueCode("ann");
    expect(await ask("checksession", first)).toMatchObject({ errcode: 87009 });
    const second = await login(next);
    expect(second.session_key).not.toBe(first.session_key);
    expect(await ask("checksession", second)).toMatchObject({ errcode: 0 });
  });

  it("is the present one for an older code too", async () => {
    const codes = [simulator.issueCode("ann"), simulator.issueCode("ann")] as const;
    const [second, first] = [await login(codes[1]), await login(codes[0])];
    expect(first.session_key).toBe(second.session_key);
  });

  it("is another for each person and each mini program", async () => {
    const ann = simulator.sessionKeyOf("ann");
    expect(simulator.sessionKeyOf("bob")).not.toBe(ann);
    expect(simulator.sessionKeyOf("ann", OTHER.appId)).not.toBe(ann);
    simulator.issueCode("ann", OTHER.appId);
    simulator.issueCode("bob");
    expect(simulator.sessionKeyOf("ann")).toBe(ann);
  });
});

// The reference's own: the key is the base64 text, the message is empty.
it.each([
  ["o0q0otL8aEzpcZL/FT9WsQ==", "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"],
  ["tiihtNczf5v6AKRyjwEUhQ==", "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735"],
])("with %s nothing is signed as %s", (sessionKey, signature) => {
  expect(signEmpty(sessionKey)).toBe(signature);
});

describe.each(["checksession", "resetusersessionkey"] as const)("%s refuses", (name) => {
  it("87009 a signature of anything but nothing, and of another's key", async () => {
    const ann = await login(simulator.issueCode("ann"));
    const bob = await login(simulator.issueCode("bob"));
    const signature = createHmac("sha256", ann.session_key).update(ann.openid).digest("hex");
    expect(await ask(name, ann, { signature })).toMatchObject({ errcode: 87009 });
    const raw = Buffer.from(ann.session_key, "base64");
    const ofRaw = createHmac("sha256", raw).digest("hex");
    expect(await ask(name, ann, { signature: ofRaw })).toMatchObject({ errcode: 87009 });
    expect(await ask(name, { ...ann, session_key: bob.session_key })).toMatchObject({
      errcode: 87009,
    });
  });

  it("87008 another sig_method, 40003 no openid, 43001 a POST", async () => {
    const ann = await login(simulator.issueCode("ann"));
    expect(await ask(name, ann, { sig_method: "sha1" })).toMatchObject({ errcode: 87008 });
    expect(await ask(name, ann, { openid: "" })).toMatchObject({ errcode: 40003 });
    const response = await fetch(`${simulator.url}/wxa/${name}`, { method: "POST" });
    expect(await response.json()).toMatchObject({ errcode: 43001 });
  });

  it("41001, 40001 and 42001 a token, 87009 one of another mini program", async () => {
    const ann = await login(simulator.issueCode("ann"));
    const access_token = await takeToken();
    expect(await ask(name, ann, { access_token: "" })).toMatchObject({ errcode: 41001 });
    expect(await ask(name, ann, { access_token: "none" })).toMatchObject({ errcode: 40001 });
    const other = await takeToken(OTHER);
    expect(await ask(name, ann, { access_token: other })).toMatchObject({ errcode: 87009 });
    nowMs += 7_200_000;
    expect(await ask(name, ann, { access_token })).toMatchObject({ errcode: 42001 });
  });

  it("any on demand", async () => {
    const ann = await login(simulator.issueCode("ann"));
    simulator.faults.set({ path: `/wxa/${name}`, errcode: -1, times: 1 });
    const errmsg = expect.stringMatching(/^system error, rid: /);
    expect(await ask(name, ann)).toEqual({ errcode: -1, errmsg });
    expect(simulator.sessionKeyOf("ann")).toBe(ann.session_key);
    expect(await ask(name, ann)).toMatchObject({ errcode: 0 });
  });
});

describe("resetusersessionkey", () => {
  it("answers a new session_key and ends the old", async () => {
    const old = await login(simulator.issueCode("ann"));
    const answer = await ask("resetusersessionkey", old);
    const session_key = simulator.sessionKeyOf("ann");
    expect(answer).toEqual({ errcode: 0, errmsg: "ok", openid: old.openid, session_key });
    expect(session_key).not.toBe(old.session_key);
    expect(Buffer.from(session_key, "base64")).toHaveLength(16);
    expect(await ask("checksession", old)).toMatchObject({ errcode: 87009 });
    expect(await ask("checksession", { ...old, session_key })).toMatchObject({ errcode: 0 });
  });

  it("does so 5 times a minute for one person", async () => {
    const { openid } = await login(simulator.issueCode("ann"));
    const reset = () =>
      ask("resetusersessionkey", { openid, session_key: simulator.sessionKeyOf("ann") });
    for (let i = 0; i < 5; i++) expect(await reset()).toMatchObject({ errcode: 0 });
    expect(await reset()).toMatchObject({ errcode: 45011 });
    const bob = await login(simulator.issueCode("bob"));
    expect(await ask("resetusersessionkey", bob)).toMatchObject({ errcode: 0 });
    nowMs += 60_000;
    expect(await reset()).toMatchObject({ errcode: 0 });
  });
});
