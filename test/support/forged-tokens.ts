import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type CryptoKey, SignJWT, UnsecuredJWT } from "jose";

/** What a forger has: a genuine token, and the public key of its signature. */
export interface Genuine {
  token: string;
  publicJwk: { kty: string; crv: string; x: string; y: string };
  /** The real signing key, for tokens that are well signed and wrong in what they say. */
  privateKey: CryptoKey;
}

/** Tokens that are not to be taken, by what is wrong with them. */
export async function forgeTokens(genuine: Genuine): Promise<[string, string][]> {
  const { token, publicJwk, privateKey } = genuine;
  const [head = "", body = "", signature = ""] = token.split(".");
  const header = decode(head);
  const claims = decode(body);
  const publicText = JSON.stringify(publicJwk);
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const sign = (
    changes: Record<string, unknown>,
    headerChanges: Record<string, unknown> = {},
    key: CryptoKey | KeyObject | Uint8Array = privateKey,
  ) =>
    new SignJWT(without({ ...claims, ...changes }))
      .setProtectedHeader(without({ ...header, ...headerChanges }) as { alg: string })
      .sign(key);
  const hmac = (key: string) => sign({}, { alg: "HS256" }, Buffer.from(key));
  const now = Math.floor(Date.now() / 1_000);
  const ownJwk = other.publicKey.export({ format: "jwk" });
  const flipped = `${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;

  return [
    ["no dot", "abc"],
    ["dots only", ".."],
    ["one part less", `${head}.${body}`],
    ["one part more", `${token}.x`],
    ["no signature", `${head}.${body}.`],
    ["a flipped signature", `${head}.${body}.${flipped}`],
    ["half a signature", `${head}.${body}.${signature.slice(0, 40)}`],
    ["a zero signature", `${head}.${body}.${Buffer.alloc(64).toString("base64url")}`],
    ["a header that is no JSON", `${encode("x").slice(1)}.${body}.${signature}`],
    ["a header that is null", `${encode(null)}.${body}.${signature}`],
    ["a body that is no JSON", `${head}.eHg.${signature}`],
    ["another body", `${head}.${encode({ ...claims, id: 424_242, sub: "424242" })}.${signature}`],
    ["another header", `${encode({ ...header, x: 1 })}.${body}.${signature}`],
    ["alg none", new UnsecuredJWT(claims).encode()],
    ["alg none with our header", `${encode({ ...header, alg: "none" })}.${body}.`],
    ["alg NONE", `${encode({ ...header, alg: "NONE" })}.${body}.`],
    ["HS256 with the public JWK", await hmac(publicText)],
    ["HS256 with x of the public key", await hmac(publicJwk.x)],
    ["RS256", await sign({}, { alg: "RS256" }, rsa)],
    ["ES256 by another key", await sign({}, {}, other.privateKey)],
    ["an embedded jwk", await sign({}, { jwk: ownJwk }, other.privateKey)],
    ["a jku", await sign({}, { jku: "https://evil.example.com/jwks" }, other.privateKey)],
    ["an x5u", await sign({}, { x5u: "https://evil.example.com/x5u" }, other.privateKey)],
    ["an unknown kid", await sign({}, { kid: "made-up" })],
    ["a kid that is a path", await sign({}, { kid: "../../etc/passwd" })],
    ["a kid that is SQL", await sign({}, { kid: "' or 1=1 --" })],
    ["no kid", await sign({}, { kid: undefined })],
    ["typ JWT", await sign({}, { typ: "JWT" })],
    ["no typ", await sign({}, { typ: undefined })],
    [
      "an unknown critical header",
      `${encode({ ...header, crit: ["x"], x: 1 })}.${body}.${signature}`,
    ],
    ["another issuer", await sign({ iss: "https://evil.example.com" })],
    ["no issuer", await sign({ iss: undefined })],
    ["no audience", await sign({ aud: undefined })],
    ["two audiences", await sign({ aud: [claims.aud, "other"] })],
    ["no subject", await sign({ sub: undefined })],
    ["a subject that is no id", await sign({ sub: "root" })],
    ["a subject that is another's", await sign({ sub: "999999" })],
    ["an id below 1", await sign({ sub: "-1", id: -1 })],
    ["no expiry", await sign({ exp: undefined })],
    ["an expiry that is text", `${head}.${encode({ ...claims, exp: "never" })}.${signature}`],
    ["an expiry long ago", await sign({ iat: now - 90_000, exp: now - 86_400 })],
    ["issued in the future", await sign({ iat: now + 3_600, exp: now + 7_200 })],
    ["no time of issue", await sign({ iat: undefined })],
    ["not valid yet", await sign({ nbf: now + 3_600 })],
    ["no login", await sign({ sid: undefined })],
    ["an unknown login", await sign({ sid: "00000000-0000-4000-8000-000000000000" })],
    ["a login that is no id", await sign({ sid: "' or 1=1 --" })],
    ["no openid", await sign({ openid: undefined })],
    ["no jti", await sign({ jti: undefined })],
    ["5 KiB", await sign({ pad: "x".repeat(5_000) })],
  ];
}

function decode(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function without(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
