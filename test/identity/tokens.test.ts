import { KeyObject } from "node:crypto";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, expect, it } from "vitest";
import type { AppId, Openid, UserId } from "../../src/identity/ids.ts";
import type { KeyRing } from "../../src/identity/keys.ts";
import type { User } from "../../src/identity/store/users.ts";
import { createTokens, type Tokens } from "../../src/identity/tokens.ts";

const KID = "kid-1";
const ISSUER = "https://id.example.com";
const NOW_MS = Date.UTC(2026, 10, 23);
const NOW = NOW_MS / 1_000;
const TTL = 7_200;
const SID = "5c1f0f0a-6f0e-4c1e-9a39-0b9f3d1c0a11";

let nowMs = NOW_MS;
let privateKey: CryptoKey;
let otherKey: CryptoKey;
let publicBytes: Uint8Array;
let tokens: Tokens;

beforeAll(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  privateKey = pair.privateKey;
  otherKey = (await generateKeyPair("ES256")).privateKey;
  publicBytes = Buffer.from(JSON.stringify(await exportJWK(pair.publicKey)));
  const keys: KeyRing = {
    signingKey: () => ({ kid: KID, key: KeyObject.from(privateKey as never) }),
    verificationKey: async (kid) => (kid === KID ? pair.publicKey : undefined),
    published: () => [],
    rotate: () => Promise.reject(new Error("not here")),
    maintain: async () => {},
    close: () => {},
  };
  tokens = createTokens(
    { issuer: ISSUER, accessTtlSeconds: TTL, refreshTtlSeconds: 2_592_000 },
    keys,
    () => nowMs,
  );
});

const user = { id: 42 as UserId, username: "wx_abcdefghijklmnop" } as User;
const account = {
  appId: "wxapp" as AppId,
  openid: "oABCDEF" as Openid,
  unionid: undefined,
  unionScope: "main",
};
const issue = async () => {
  const remainingSeconds = 2_592_000;
  const input = { user, account, loginSessionId: SID, remainingSeconds };
  return (await tokens.issue(input)).accessToken;
};

const CLAIMS: Record<string, unknown> = {
  iss: ISSUER,
  aud: "wxapp",
  sub: "42",
  id: 42,
  username: "wx_abcdefghijklmnop",
  openid: "oABCDEF",
  sid: SID,
  jti: "jti-1",
  iat: NOW,
  exp: NOW + TTL,
};
const HEADER = { alg: "ES256", typ: "at+jwt", kid: KID };

const sign = (claims = CLAIMS, header: Record<string, unknown> = HEADER, key = privateKey) =>
  new SignJWT(claims).setProtectedHeader(header as never).sign(key);

const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(CLAIMS).filter(([name]) => !names.includes(name)));

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

const SUBJECT = {
  userId: 42,
  loginSessionId: SID,
  appId: "wxapp",
  openid: "oABCDEF",
  expiresAtMs: NOW_MS + TTL * 1_000,
};

it("issues what the contract says, and accepts it", async () => {
  const token = await issue();
  const [header, claims] = token
    .split(".")
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
  expect(header).toEqual(HEADER);
  expect(claims).toEqual({ ...CLAIMS, jti: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(await tokens.verify(token)).toEqual(SUBJECT);
  expect(await tokens.verify(await sign())).toEqual(SUBJECT);
});

// One in 128 signatures has a number that is shorter than the rest.
it("signs so that every signature holds", async () => {
  const issued = await Promise.all(Array.from({ length: 1_500 }, issue));
  expect(await Promise.all(issued.map((token) => tokens.verify(token)))).toEqual(
    issued.map(() => SUBJECT),
  );
});

const FORGED: [string, () => string | Promise<string>][] = [
  ["empty", () => ""],
  ["no JWS", () => "a.b.c"],
  ["two parts", async () => (await sign()).split(".").slice(0, 2).join(".")],
  ["alg none", () => `${encode({ ...HEADER, alg: "none" })}.${encode(CLAIMS)}.`],
  [
    "HS256 with the public key",
    () =>
      new SignJWT(CLAIMS)
        .setProtectedHeader({ ...HEADER, alg: "HS256" } as never)
        .sign(publicBytes),
  ],
  ["another key", () => sign(CLAIMS, HEADER, otherKey)],
  ["a key in the header", async () => sign(CLAIMS, { ...HEADER, kid: "x", jku: "https://e.vil" })],
  ["an unknown kid", () => sign(CLAIMS, { ...HEADER, kid: "kid-2" })],
  ["no kid", () => sign(CLAIMS, { alg: "ES256", typ: "at+jwt" })],
  ["another typ", () => sign(CLAIMS, { ...HEADER, typ: "JWT" })],
  ["no typ", () => sign(CLAIMS, { alg: "ES256", kid: KID })],
  ["a critical extension", () => `${encode({ ...HEADER, crit: ["x"], x: 1 })}.${encode({})}.AA`],
  ["another issuer", () => sign({ ...CLAIMS, iss: "https://id.example.org" })],
  ...["iss", "aud", "sub", "sid", "openid", "jti", "iat", "exp"].map(
    (name): [string, () => Promise<string>] => [`no ${name}`, () => sign(without(name))],
  ),
  ["issued in the future", () => sign({ ...CLAIMS, iat: NOW + 31 })],
  ["not yet valid", () => sign({ ...CLAIMS, nbf: NOW + 31 })],
  ["an expiry that is text", () => sign({ ...CLAIMS, exp: "never" })],
  ["a subject that is no number", () => sign({ ...CLAIMS, sub: "me" })],
  ["a negative subject", () => sign({ ...CLAIMS, sub: "-42", id: -42 })],
  ["a subject and an id that differ", () => sign({ ...CLAIMS, id: 43 })],
  ["a huge one", () => sign({ ...CLAIMS, x: "x".repeat(4_000) })],
  ["a changed claim", async () => swap(await sign(), 1, encode({ ...CLAIMS, sub: "1", id: 1 }))],
  ["another signature", async () => swap(await sign(), 2, "A".repeat(86))],
];

function swap(token: string, index: number, part: string): string {
  return token
    .split(".")
    .map((old, i) => (i === index ? part : old))
    .join(".");
}

it.each(FORGED)("refuses a token: %s", async (_name, forge) => {
  await expect(tokens.verify(await forge())).rejects.toMatchObject({ reason: "TOKEN_INVALID" });
});

it("lets 30 s of clock difference pass, and no more", async () => {
  const token = await issue();
  nowMs = NOW_MS + (TTL + 29) * 1_000;
  expect(await tokens.verify(token)).toMatchObject({ userId: 42 });
  nowMs = NOW_MS + (TTL + 31) * 1_000;
  await expect(tokens.verify(token)).rejects.toMatchObject({ reason: "TOKEN_EXPIRED" });
  nowMs = NOW_MS;
});
