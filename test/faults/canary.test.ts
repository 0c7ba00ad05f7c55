import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";
import { type AnyCall, askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

const SESSION_KEY = "Q0FOQVJZQ0FOQVJZQ0FOQQ==";
const OPENID = "oCANARYoCANARYoCANARYoCANA";
const UPSTREAM_TEXT = "upstream-canary";

let service: TestService;
/** Everything that came out: replies, errors, logs, metrics. */
const seen: string[] = [];
const note = (value: unknown) => {
  const big = (_: string, it: unknown) => (typeof it === "bigint" ? String(it) : it);
  seen.push(typeof value === "string" ? value : (JSON.stringify(value, big) ?? ""));
};

const reply = (body: string, status = 200) => {
  service.simulator.faults.set({ reply: { status, contentType: "text/plain", body } });
};

/** One call on every wire, with whatever comes back. */
async function everywhere(call: () => AnyCall): Promise<void> {
  for (const wire of RPC_WIRES) note((await refusalOf(service, wire, call())) ?? "");
  const response = await askGateway(service, call());
  note([...response.headers.entries()]);
  note(await response.text());
}

const codes: string[] = [];
const login = (): AnyCall => {
  const code = service.code("canary");
  codes.push(code);
  return { method: "miniLogin", request: { code } };
};

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

it("lets no secret into a reply, an error, the log or the metrics", async () => {
  reply(JSON.stringify({ openid: OPENID, session_key: SESSION_KEY }));
  const first = await service.grpc.miniLogin({ code: service.code("canary") });
  note({ ...first, accessToken: "", refreshToken: "" });
  const token = first.accessToken;
  const { refreshToken } = first;
  await everywhere(login);

  const broken = `{"openid":"${OPENID}","session_key":"${SESSION_KEY}x","text":"${UPSTREAM_TEXT}"}`;
  for (const body of [broken, broken.slice(0, -1), `<p>${UPSTREAM_TEXT} ${SESSION_KEY}</p>`]) {
    reply(body);
    await everywhere(login);
    reply(body, 500);
    await everywhere(login);
    // Good ones between, or WeChat would be left alone.
    service.simulator.faults.clear();
    for (let i = 0; i < 3; i++) await everywhere(login);
  }
  reply(
    JSON.stringify({
      errcode: 40125,
      errmsg: `${UPSTREAM_TEXT} ${service.env.WX_MINI_APP_SECRET}`,
    }),
  );
  await everywhere(login);
  service.simulator.faults.set({ cut: "after" });
  await everywhere(login);
  service.simulator.faults.clear();

  await everywhere(() => ({ method: "getProfile", token: `${token}x` }));
  await everywhere(() => ({ method: "updateProfile", token, request: { nickname: "x\u0000" } }));
  await everywhere(() => ({
    method: "refreshToken",
    request: { refreshToken: `A${refreshToken.slice(1)}` },
  }));
  await service.sql`alter table mini_accounts rename column openid to moved`;
  await everywhere(login);
  await service.sql`alter table mini_accounts rename column moved to openid`;
  await service.sql`alter table users rename column nickname to moved`;
  await everywhere(() => ({ method: "updateProfile", token, request: { nickname: "private" } }));

  seen.push(...service.logs.map((line) => JSON.stringify(line)), await service.metrics.render());
  const everything = seen.join("\n");
  expect(everything).toContain("UPSTREAM_BAD_RESPONSE");
  expect(everything).toContain("APP_MISCONFIGURED");
  expect(everything).toContain('"reason":"INTERNAL"');
  const password = new URL(service.env.DATABASE_URL ?? "").password;
  const secrets = {
    SESSION_KEY,
    OPENID,
    UPSTREAM_TEXT,
    token,
    // Its beginning is the login's id, which is no secret.
    refreshToken: refreshToken.slice(24),
    signature: token.split(".")[2],
    secret: service.env.WX_MINI_APP_SECRET,
    masterKey: service.env.MASTER_KEYS?.split(":")[1],
    nickname: "private",
    ...(password ? { password } : {}),
    ...Object.fromEntries(codes.map((code, i) => [`code ${i}`, code])),
  };
  for (const [name, secret] of Object.entries(secrets)) {
    expect(secret, name).toBeTruthy();
    expect(everything.includes(secret as string), name).toBe(false);
  }
});

it("keeps the session_key readable in no place", async () => {
  const [key = ""] = await service.redis.keys(`identity:*${service.appId}:${OPENID}`);
  const stored = (await service.redis.get(key)) ?? "";
  expect(stored.length).toBeGreaterThan(40);
  expect(stored).not.toContain(SESSION_KEY);
  const raw = Buffer.from(SESSION_KEY, "base64");
  expect(Buffer.from(stored.split(".")[1] ?? "", "base64url").includes(raw)).toBe(false);
});
