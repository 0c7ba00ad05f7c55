import { type CryptoKey, importJWK } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toIdentityConfig } from "../../src/config.ts";
import { placeOfSigningKey } from "../../src/identity/keys.ts";
import { createSecrets } from "../../src/identity/secrets.ts";
import { forgeTokens } from "../support/forged-tokens.ts";
import { startService, type TestService } from "../support/service.ts";
import { askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

let service: TestService;
let token: string;
let forged: [string, string][];
beforeAll(async () => {
  service = await startService();
  token = (await service.grpc.miniLogin({ code: service.code("alice") })).accessToken;
  const [row] = await service.sql`select * from signing_keys where state = 'active'`;
  const secrets = createSecrets(toIdentityConfig(service.env).masterKeys);
  const jwk = JSON.parse(secrets.open(row?.encrypted_private_key, placeOfSigningKey(row?.kid)));
  const privateKey = (await importJWK(jwk, "ES256")) as CryptoKey;
  forged = await forgeTokens({ token, publicJwk: row?.public_jwk, privateKey });
});
afterAll(() => service?.[Symbol.asyncDispose]());

const REASONS = ["TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED", "USER_NOT_FOUND"];

it("has a corpus of at least 40, and a genuine token that is taken", async () => {
  expect(forged.length).toBeGreaterThanOrEqual(40);
  expect(new Set(forged.map(([, one]) => one)).size).toBe(forged.length);
  expect(await refusalOf(service, "grpc", { method: "getProfile", token })).toBeUndefined();
});

it.each(RPC_WIRES)("refuses them all as UNAUTHENTICATED on the wire %s", async (wire) => {
  for (const [name, one] of forged) {
    const refusal = await refusalOf(service, wire, { method: "getProfile", token: one });
    expect(refusal?.code, name).toBe(16);
    expect(REASONS, name).toContain(refusal?.reason);
  }
});

it("refuses them all at the gateway with 401", async () => {
  for (const [name, one] of forged) {
    const response = await askGateway(service, { method: "getProfile", token: one });
    expect(response.status, name).toBe(401);
    await response.text();
  }
});

it("refuses them all to a service that asks about them", async () => {
  for (const [name, accessToken] of forged) {
    const error = await service.directory.verifyToken({ accessToken }).catch((it) => it);
    expect(REASONS, name).toContain(error.reason);
  }
});

it("has called none of them a fault of ours", () => {
  expect(service.logs.filter(({ reason }) => reason === "INTERNAL")).toEqual([]);
});
