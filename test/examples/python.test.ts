import { execFileSync } from "node:child_process";
import { KeyObject, sign as signBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type CryptoKey, decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toIdentityConfig } from "../../src/config.ts";
import { placeOfSigningKey } from "../../src/identity/keys.ts";
import { createSecrets } from "../../src/identity/secrets.ts";
import { createFolder, HTTP_TIMEOUT_MS } from "../process/surroundings.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { forgeTokens } from "../support/forged-tokens.ts";
import { type ServiceProcess, startCommand } from "../support/process.ts";
import { CALLER_SECRET, startService, type TestService } from "../support/service.ts";

/** Debian's, which knows Debian's packages. */
const PYTHON = "/usr/bin/python3";

const EXAMPLE = fileURLToPath(new URL("../../examples/python/", import.meta.url));
const ISSUER = "https://id.example.com";

let stubs: ReturnType<typeof createFolder>;
let service: TestService;
let orders: ServiceProcess;
let address: string;
let token: string;
let userId: number;
let privateKey: CryptoKey;
let publicJwk: Parameters<typeof forgeTokens>[0]["publicJwk"];

beforeAll(async () => {
  stubs = createFolder();
  execFileSync(`${EXAMPLE}generate.sh`, [stubs.path], { stdio: "pipe" });
  service = await startService({ env: { TOKEN_ISSUER: ISSUER } });
  const userInfo = { nickname: "爱丽丝 Alice" };
  const login = await service.grpc.miniLogin({ code: service.code("alice"), userInfo });
  token = login.accessToken;
  userId = Number(login.user?.id);
  const code = service.simulator.issuePhoneCode("13800138000");
  await service.grpc.bindPhone({ code }, { token });
  const [row] = await service.sql`select * from signing_keys where state = 'active'`;
  const secrets = createSecrets(toIdentityConfig(service.env).masterKeys);
  const jwk = JSON.parse(secrets.open(row?.encrypted_private_key, placeOfSigningKey(row?.kid)));
  privateKey = (await importJWK(jwk, "ES256")) as CryptoKey;
  publicJwk = row?.public_jwk;
  orders = startOrders();
  address = await listening(orders);
});
afterAll(async () => {
  await orders?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
  stubs?.[Symbol.dispose]();
});

/** The example, before the service of this test. */
function startOrders(env: Record<string, string> = {}): ServiceProcess {
  const settings = {
    IDENTITY_GRPC_TARGET: service.identity.addresses.grpc,
    JWKS_URL: `${service.gateway}/.well-known/jwks.json`,
    TOKEN_ISSUER: ISSUER,
    TOKEN_AUDIENCE: service.appId,
    CALLER_SECRET,
    LISTEN: "127.0.0.1:0",
  };
  const python = { PYTHONPATH: stubs.path, PYTHONDONTWRITEBYTECODE: "1" };
  return startCommand([PYTHON, `${EXAMPLE}service.py`], {
    cwd: stubs.path,
    env: { ...python, ...settings, ...env },
  });
}

async function listening(started: ServiceProcess): Promise<string> {
  return (await started.ready()).http as string;
}

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** GET verifies offline, POST asks identity. */
async function ask(
  method: "GET" | "POST",
  { authorization, at = address, path = "/orders", body }: Partial<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(`http://${at}${path}`, {
    method,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(HTTP_TIMEOUT_MS),
  });
  const { status, headers } = response;
  return { status, headers, body: (await response.json()) as Answer["body"] };
}

const bearer = (one: string) => ({ authorization: `Bearer ${one}` });

/** Signed as identity signs: only what it says differs. */
function sign(changes: Record<string, unknown>): Promise<string> {
  return new SignJWT({ ...decodeJwt(token), ...changes })
    .setProtectedHeader(decodeProtectedHeader(token) as { alg: string })
    .sign(privateKey);
}

const now = () => Math.floor(Date.now() / 1_000);

it("tells who it is, in two ways", async () => {
  const person = { id: userId, nickname: "爱丽丝 Alice" };
  const [account] = (await service.directory.getUser({ by: { case: "id", value: BigInt(userId) } }))
    .user?.accounts ?? [{ openid: "", unionid: "" }];
  const { openid, unionid } = account as { openid: string; unionid: string };
  expect(openid).not.toBe("");
  const offline = await ask("GET", bearer(token));
  expect(offline).toMatchObject({ status: 200 });
  expect(offline.body).toEqual({
    ...person,
    phone: "+8613800138000",
    disabled: false,
    accounts: [{ appId: service.appId, openid, unionid }],
  });
  const online = await ask("POST", { ...bearer(token), body: '{"item":"tea"}' });
  expect(online).toMatchObject({ status: 201 });
  expect(online.body).toEqual({ ...person, appId: service.appId, openid });
});

it("gives identity the id that it answers with", async () => {
  const { headers } = await ask("GET", bearer(token));
  const requestId = headers.get("x-request-id");
  expect(service.logs).toContainEqual(expect.objectContaining({ event: "call", requestId }));
});

it("verifies a token without a call for each", async () => {
  const forJwks = () => service.logs.filter(({ path }) => path === "/.well-known/jwks.json").length;
  await ask("GET", bearer(token));
  const before = forJwks();
  expect(before).toBeGreaterThan(0);
  for (let i = 0; i < 5; i++) {
    expect((await ask("GET", bearer(token))).status).toBe(200);
    const unknown = await new SignJWT(decodeJwt(token))
      .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: `made-up-${i}` })
      .sign(privateKey);
    expect((await ask("GET", bearer(unknown))).body.reason).toBe("TOKEN_INVALID");
  }
  // At most one in 30 s, which is all the time that a test has.
  expect(forJwks() - before).toBeLessThanOrEqual(2);
});

describe.each(["GET", "POST"] as const)("%s refuses", (method) => {
  const refusal = async (options: { authorization?: string }) => {
    const { status, headers, body } = await ask(method, options);
    expect(body.requestId).toBe(headers.get("x-request-id"));
    expect(headers.get("www-authenticate")).toBe("Bearer");
    return { status, reason: body.reason };
  };

  it.each([
    ["no token", undefined],
    ["another scheme", "Basic YWxpY2U6c2VjcmV0"],
    ["an empty token", "Bearer "],
  ])("%s", async (_name, authorization) => {
    const options = authorization === undefined ? {} : { authorization };
    expect(await refusal(options)).toEqual({ status: 401, reason: "TOKEN_MISSING" });
  });

  it("a damaged token", async () => {
    const [header, body, signature = ""] = token.split(".");
    const flipped = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
    const damaged = bearer(`${header}.${body}.${flipped}`);
    expect(await refusal(damaged)).toEqual({ status: 401, reason: "TOKEN_INVALID" });
  });

  it("an expired token", async () => {
    // Just beyond the 30 s that clocks may differ by.
    const expired = await sign({ iat: now() - 7_200, exp: now() - 31 });
    expect(await refusal(bearer(expired))).toEqual({ status: 401, reason: "TOKEN_EXPIRED" });
  });

  it("a token of another issuer", async () => {
    const other = await sign({ iss: "https://evil.example.com" });
    expect(await refusal(bearer(other))).toEqual({ status: 401, reason: "TOKEN_INVALID" });
  });

  it("every forged one", async () => {
    const forged = await forgeTokens({ token, publicJwk, privateKey });
    // Well signed, of a login that only identity can know to be none: see the next block.
    const online = ["an unknown login", "a login that is no id"];
    for (const [name, one] of forged) {
      if (method === "GET" && online.includes(name)) continue;
      const { status, reason } = await refusal(bearer(one));
      expect({ name, status }).toEqual({ name, status: 401 });
      expect(["TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"], name).toContain(reason);
    }
  });
});

describe("verifying offline", () => {
  const reasonOf = async (one: string) => (await ask("GET", bearer(one))).body.reason;

  it("takes the tokens of one mini program only", async () => {
    expect(await reasonOf(await sign({ aud: "wxfedcba9876543210" }))).toBe("TOKEN_INVALID");
    await using other = startOrders({ TOKEN_AUDIENCE: "wxfedcba9876543210" });
    const answer = await ask("GET", { ...bearer(token), at: await listening(other) });
    expect(answer).toMatchObject({ status: 401, body: { reason: "TOKEN_INVALID" } });
  });

  it("wants every claim", async () => {
    for (const name of [
      "iss",
      "aud",
      "sub",
      "id",
      "username",
      "openid",
      "sid",
      "jti",
      "iat",
      "exp",
    ]) {
      const { [name]: _taken, ...claims } = decodeJwt(token);
      const lacking = await new SignJWT(claims)
        .setProtectedHeader(decodeProtectedHeader(token) as { alg: string })
        .sign(privateKey);
      expect(await reasonOf(lacking), name).toBe("TOKEN_INVALID");
    }
  });

  it("takes ES256 only, also where the key would do for more", async () => {
    const header = { ...decodeProtectedHeader(token), alg: "ES384" };
    const encoded = Buffer.from(JSON.stringify(header)).toString("base64url");
    const signed = `${encoded}.${token.split(".")[1]}`;
    const key = KeyObject.from(privateKey);
    const signature = signBytes("sha384", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
    expect(await reasonOf(`${signed}.${signature.toString("base64url")}`)).toBe("TOKEN_INVALID");
  });

  it("takes a token from a clock that is ahead by 20 s, and none from the future", async () => {
    expect(await reasonOf(await sign({ iat: now() + 20 }))).toBeUndefined();
    expect(await reasonOf(await sign({ iat: now() + 300 }))).toBe("TOKEN_INVALID");
  });

  it("looks at no token over 4 KiB, nor at one with more than base64url in it", async () => {
    const long = await sign({ pad: "x".repeat(3_000) });
    expect(long.length).toBeGreaterThan(4_096);
    expect(await reasonOf(long)).toBe("TOKEN_INVALID");
    // Four, which Python's base64 would skip and find the rest well padded.
    expect(await reasonOf(`${token}!!!!`)).toBe("TOKEN_INVALID");
  });

  it("survives a header nested too deep", async () => {
    const header = Buffer.from("[".repeat(2_900)).toString("base64url");
    expect(await reasonOf(`${header}.e30.AA`)).toBe("TOKEN_INVALID");
  });

  it("says that the keys cannot be had", async () => {
    await using keyless = startOrders({ JWKS_URL: "http://127.0.0.1:1/jwks.json" });
    const at = await listening(keyless);
    const answer = await ask("GET", { ...bearer(token), at });
    expect(answer).toMatchObject({ status: 503, body: { reason: "OVERLOADED" } });
    expect(answer.headers.get("retry-after")).toBe("1");
    expect((await ask("POST", { ...bearer(token), at })).status).toBe(201);
  });
});

describe("calling identity", () => {
  const METHODS = ["GET", "POST"] as const;

  it("says that its own secret is wrong, which is not the person's fault", async () => {
    await using unknown = startOrders({ CALLER_SECRET: "not-the-secret" });
    const at = await listening(unknown);
    for (const method of METHODS) {
      const answer = await ask(method, { ...bearer(token), at });
      expect(answer).toMatchObject({ status: 502, body: { reason: "CALLER_UNKNOWN" } });
    }
  });

  it("says that identity is away", async () => {
    await using alone = startOrders({ IDENTITY_GRPC_TARGET: "127.0.0.1:1" });
    const at = await listening(alone);
    for (const method of METHODS) {
      const answer = await ask(method, { ...bearer(token), at });
      expect(answer).toMatchObject({ status: 503, body: { reason: "OVERLOADED" } });
      expect(answer.headers.get("retry-after")).toBe("1");
    }
  });

  it("does not wait for ever where identity is silent", async () => {
    await using proxy = await startFaultProxy(`http://${service.identity.addresses.grpc}`);
    await using waiting = startOrders({ IDENTITY_GRPC_TARGET: new URL(proxy.url).host });
    const at = await listening(waiting);
    expect((await ask("POST", { ...bearer(token), at })).status).toBe(201);
    proxy.mute();
    const answer = await ask("POST", { ...bearer(token), at });
    expect(answer).toMatchObject({ status: 503, body: { reason: "OVERLOADED" } });
  });

  it("passes on when to ask again while PostgreSQL is away", async () => {
    await using opened = new AsyncDisposableStack();
    let proxy: Awaited<ReturnType<typeof startFaultProxy>> | undefined;
    const broken = opened.use(
      await startService({
        throughDatabase: async (url) => {
          proxy = opened.use(await startFaultProxy(url));
          return proxy.url;
        },
      }),
    );
    const IDENTITY_GRPC_TARGET = broken.identity.addresses.grpc;
    const at = await listening(opened.use(startOrders({ IDENTITY_GRPC_TARGET })));
    proxy?.cut();
    const answer = await ask("GET", { ...bearer(token), at });
    expect(answer).toMatchObject({ status: 503, body: { reason: "STORAGE_UNAVAILABLE" } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    proxy?.heal();
  });
});

describe("a token that does not expire yet", () => {
  const logIn = async (person: string) => service.grpc.miniLogin({ code: service.code(person) });

  it("of a disabled person is refused online at once, and taken offline", async () => {
    const { accessToken, user } = await logIn("bob");
    expect((await ask("POST", bearer(accessToken))).status).toBe(201);
    await service.sql`update users set disabled = true where id = ${String(user?.id)}`;
    const online = await ask("POST", bearer(accessToken));
    expect(online).toMatchObject({ status: 403, body: { reason: "USER_DISABLED" } });
    const offline = await ask("GET", bearer(accessToken));
    expect(offline).toMatchObject({ status: 200, body: { id: Number(user?.id), disabled: true } });
  });

  it("of a login that has ended is refused online at once, and taken offline", async () => {
    const { accessToken } = await logIn("carol");
    await service.grpc.logout({}, { token: accessToken });
    const online = await ask("POST", bearer(accessToken));
    expect(online).toMatchObject({ status: 401, body: { reason: "TOKEN_REVOKED" } });
    expect((await ask("GET", bearer(accessToken))).status).toBe(200);
  });

  it("of a person who is gone finds nobody", async () => {
    const nobody = await sign({ sub: "999999", id: 999_999 });
    const answer = await ask("GET", bearer(nobody));
    expect(answer).toMatchObject({ status: 404, body: { reason: "USER_NOT_FOUND" } });
  });
});

describe("the process", () => {
  it("knows no other path", async () => {
    const answer = await ask("GET", { ...bearer(token), path: "/other" });
    expect(answer).toMatchObject({ status: 404, body: { reason: "ROUTE_NOT_FOUND" } });
  });

  it("ends at SIGTERM with 0", async () => {
    await using started = startOrders();
    await listening(started);
    started.kill("SIGTERM");
    expect(await started.ended()).toBe(0);
  });

  it("says which setting is missing, and ends with 78", async () => {
    await using started = startOrders({ CALLER_SECRET: "", TOKEN_AUDIENCE: "" });
    expect(await started.ended()).toBe(78);
    expect(started.said.stderr).toBe("not set: TOKEN_AUDIENCE, CALLER_SECRET\n");
  });

  it("has put neither a token nor a secret into its log", () => {
    expect(orders.said.stderr).toContain("/orders");
    expect(orders.said.stderr).not.toContain(CALLER_SECRET);
    expect(orders.said.stderr).not.toContain(token.split(".")[2]);
  });
});
