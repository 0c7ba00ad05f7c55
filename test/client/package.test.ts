import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { CALLER_SECRET, startService, type TestService } from "../support/service.ts";

const root = resolve(import.meta.dirname, "../..");
const dir = mkdtempSync(join(tmpdir(), "mini-identity-consumer-"));
const installed = join(dir, "node_modules/mini-identity-client");

/** The registry may be slow. */
const INSTALL_TIMEOUT_MS = 240_000;

const CONSUMER = `
import {
  type AccessTokenClaims,
  createDirectoryClient,
  createIdentityClient,
  createTokenVerifier,
  IdentityCallError,
  type IdentityClient,
} from "mini-identity-client";

const { TARGET = "", ISSUER = "", JWKS_URL = "", CODE = "", SECRET = "" } = process.env;
const identity: IdentityClient = createIdentityClient({ target: TARGET, timeoutMs: 10_000 });
const login = await identity.miniLogin({ code: CODE, idempotencyKey: "consumer-key-00000001" });
const verifier = createTokenVerifier({ issuer: ISSUER, jwksUrl: JWKS_URL });
const claims: AccessTokenClaims = await verifier.verify(login.accessToken);
const directory = createDirectoryClient({ target: TARGET, timeoutMs: 10_000, secret: SECRET });
const { user } = await directory.getUser({ by: { case: "id", value: BigInt(claims.userId) } });
const reason = await verifier.verify("x").catch((error: unknown) => {
  return error instanceof IdentityCallError ? error.reason : "";
});
// @ts-expect-error a method that there is not
const none = identity.nothing;
identity.close();
directory.close();
console.log(JSON.stringify({ id: claims.userId, nickname: user?.user?.nickname, reason, none }));
`;

const run = (command: string, args: string[], env: Record<string, string> = {}) =>
  promisify(execFile)(command, args, { cwd: dir, env: { ...process.env, ...env } });

let service: TestService;
beforeAll(async () => {
  service = await startService();
  const script = join(root, "scripts/pack-client.mjs");
  const { stdout } = await run(process.execPath, [script, dir]);
  writeFileSync(join(dir, "package.json"), '{"private":true,"type":"module"}');
  const options = ["--prefer-offline", "--no-audit", "--no-fund"];
  await run("npm", ["install", ...options, stdout.trim()]);
  writeFileSync(join(dir, "consumer.ts"), CONSUMER);
}, INSTALL_TIMEOUT_MS);
afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

it("brings only what the client needs, in this project's versions", () => {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const packed = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect(packed).toMatchObject({ name: "mini-identity-client", version: own.version });
  for (const [name, range] of Object.entries(packed.dependencies)) {
    expect(range, name).toBe(`^${own.dependencies[name]}`);
  }
  const imports = readdirSync(join(installed, "dist"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".js"))
    .flatMap((name) => {
      const text = readFileSync(join(installed, "dist", name), "utf8");
      return [...text.matchAll(/from "([^".][^"]*)"/g)].map(([, specifier = ""]) => specifier);
    })
    .filter((specifier) => !specifier.startsWith("node:"));
  const packages = new Set(
    imports.map((specifier) =>
      specifier
        .split("/")
        .slice(0, specifier.startsWith("@") ? 2 : 1)
        .join("/"),
    ),
  );
  expect(packages).toEqual(new Set(Object.keys(packed.dependencies)));
});

it("type-checks and runs in another project", async () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const options = ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"];
  await run(process.execPath, [tsc, ...options, "consumer.ts"]);
  const userInfo = { nickname: "Alice" };
  await service.grpc.miniLogin({ code: service.code("alice"), userInfo });
  const { stdout } = await run(process.execPath, ["consumer.js"], {
    TARGET: service.identity.addresses.grpc,
    ISSUER: "http://127.0.0.1:8080",
    JWKS_URL: `${service.gateway}/.well-known/jwks.json`,
    CODE: service.code("alice"),
    SECRET: CALLER_SECRET,
  });
  expect(JSON.parse(stdout)).toEqual({ id: 1, nickname: "Alice", reason: "TOKEN_INVALID" });
}, 120_000);
