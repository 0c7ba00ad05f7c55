import { createServer, type RequestListener, type Server } from "node:http";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { createTokenVerifier, type TokenVerifier } from "../../src/client.ts";
import { closeServer, listen } from "../../src/listen.ts";
import { forgeTokens } from "../support/forged-tokens.ts";
import { startService } from "../support/service.ts";
import { until } from "../support/until.ts";

const ISSUER = "https://id.example.com";

interface Key {
  jwk: JWK;
  privateKey: CryptoKey;
}
let first: Key;
let second: Key;
beforeAll(async () => {
  [first, second] = await Promise.all([makeKey("first"), makeKey("second")]);
});

async function makeKey(kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" }, privateKey };
}

/** The keys that are published, and how often they were asked for. */
let published: JWK[];
let asked: number;
let answer: RequestListener;
let server: Server;
let verifier: TokenVerifier;
beforeEach(async () => {
  // Only what time it is; the sockets go on.
  vi.useFakeTimers({ toFake: ["Date"] });
  published = [first.jwk];
  asked = 0;
  answer = (_req, res) => res.end(JSON.stringify({ keys: published }));
  server = createServer((req, res) => {
    asked++;
    answer(req, res);
  });
  const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
  const jwksUrl = `http://127.0.0.1:${port}/jwks`;
  verifier = createTokenVerifier({ issuer: ISSUER, audience: ["wxapp", "wxother"], jwksUrl });
});
afterEach(async () => {
  vi.useRealTimers();
  await closeServer(server);
});

function sign({ jwk, privateKey }: Key, claims: Record<string, unknown> = {}): Promise<string> {
  const own = { id: 42, username: "wx_a", openid: "oABCDEF", sid: "sid-1", jti: "jti-1" };
  return new SignJWT({ iss: ISSUER, aud: "wxapp", sub: "42", ...own, ...claims })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: jwk.kid ?? "" })
    .setIssuedAt()
    .setExpirationTime("2h")
    .sign(privateKey);
}
const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
const reasonOf = (token: string) =>
  verifier.verify(token).then(
    () => "OK",
    (error) => error.reason,
  );

it("tells what a token says", async () => {
  expect(await verifier.verify(await sign(first))).toEqual({
    userId: 42,
    username: "wx_a",
    appId: "wxapp",
    openid: "oABCDEF",
    loginSessionId: "sid-1",
    tokenId: "jti-1",
    issuedAtMs: Math.floor(Date.now() / 1_000) * 1_000,
    expiresAtMs: Math.floor(Date.now() / 1_000) * 1_000 + 7_200_000,
  });
});

it("asks once for 1,000 cold callers", async () => {
  const token = await sign(first);
  const claims = await Promise.all(Array.from({ length: 1_000 }, () => verifier.verify(token)));
  expect(claims.every(({ userId }) => userId === 42)).toBe(true);
  expect(asked).toBe(1);
});

it("asks at most once in 30 s for a kid that it does not know", async () => {
  await verifier.verify(await sign(first));
  const unknown = await sign(second);
  const flood = () => Promise.all(Array.from({ length: 100 }, () => reasonOf(unknown)));
  expect(new Set(await flood())).toEqual(new Set(["TOKEN_INVALID"]));
  expect(asked).toBe(1);
  pass(30_000);
  await flood();
  await flood();
  expect(asked).toBe(2);
  pass(30_000);
  published = [second.jwk, first.jwk];
  expect(new Set(await flood())).toEqual(new Set(["OK"]));
  expect(asked).toBe(3);
});

it("forgets a key that is published no more, and makes nobody wait for that", async () => {
  const token = await sign(first);
  await verifier.verify(token);
  published = [second.jwk];
  pass(600_000);
  expect(await reasonOf(token)).toBe("OK");
  await until(async () => (await reasonOf(token)) === "TOKEN_INVALID");
  expect(asked).toBe(2);
});

it.each<[string, RequestListener]>([
  ["a failure", (_req, res) => res.writeHead(503).end()],
  ["a redirect", (_req, res) => res.writeHead(302, { location: "/elsewhere" }).end()],
  ["no JSON", (_req, res) => res.end("<html>")],
  ["no keys", (_req, res) => res.end("{}")],
  ["100 KiB", (_req, res) => res.end(JSON.stringify({ keys: [], pad: "x".repeat(100_000) }))],
  ["a cut", (req) => req.socket.destroy()],
])("says so when no keys can be had, and recovers (%s)", async (_, failing) => {
  const good = answer;
  answer = failing;
  const token = await sign(first);
  const failures = await Promise.all(Array.from({ length: 50 }, () => reasonOf(token)));
  expect(new Set(failures)).toEqual(new Set(["OVERLOADED"]));
  expect(await reasonOf(token)).toBe("OVERLOADED");
  expect(asked).toBe(1);
  answer = good;
  pass(1_000);
  expect(await reasonOf(token)).toBe("OK");
  expect(asked).toBe(2);
});

it("goes on with the keys that it knows while nobody answers", async () => {
  const token = await sign(first);
  await verifier.verify(token);
  await closeServer(server);
  pass(6_000_000);
  expect(await reasonOf(await sign(first))).toBe("OK");
  expect(await reasonOf(await sign(first))).toBe("OK");
});

it("has the whole set of rules", async () => {
  expect(await reasonOf("")).toBe("TOKEN_MISSING");
  expect(await reasonOf(await sign(first, { aud: "wxother" }))).toBe("OK");
  expect(await reasonOf(await sign(first, { aud: "wxthird" }))).toBe("TOKEN_INVALID");
  expect(await reasonOf(await sign(first, { sub: "43" }))).toBe("TOKEN_INVALID");
  const token = await sign(first);
  pass((7_200 + 29) * 1_000);
  expect(await reasonOf(token)).toBe("OK");
  pass(2_000);
  expect(await reasonOf(token)).toBe("TOKEN_EXPIRED");
});

it("takes the token of a real login, and none of those made of it", async () => {
  vi.useRealTimers();
  await using service = await startService();
  const { accessToken } = await service.grpc.miniLogin({ code: service.code("alice") });
  const jwksUrl = `${service.gateway}/.well-known/jwks.json`;
  verifier = createTokenVerifier({ issuer: "http://127.0.0.1:8080", jwksUrl });
  expect((await verifier.verify(accessToken)).appId).toBe(service.appId);
  const { keys } = await service.grpc.getJwks({});
  const publicJwk = keys[0] as NonNullable<(typeof keys)[0]>;
  const forged = await forgeTokens({
    token: accessToken,
    publicJwk,
    privateKey: second.privateKey,
  });
  for (const [name, token] of forged) {
    expect(["TOKEN_INVALID", "TOKEN_EXPIRED"], name).toContain(await reasonOf(token));
  }
});
