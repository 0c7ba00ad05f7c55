import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server, type TlsOptions } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createIdentityClient, type TlsConfig } from "../../src/client.ts";
import { listen } from "../../src/listen.ts";
import { startService, type TestService } from "../support/service.ts";

const dir = mkdtempSync(join(tmpdir(), "mini-identity-tls-"));
let service: TestService;
const servers: Server[] = [];
beforeAll(async () => {
  service = await startService();
  makeAuthority("ca");
  makeAuthority("stranger");
  makeCertificate("server", "ca", "subjectAltName=DNS:identity.internal");
  makeCertificate("client", "ca", "extendedKeyUsage=clientAuth");
  makeCertificate("intruder", "stranger", "extendedKeyUsage=clientAuth");
});
afterAll(async () => {
  for (const server of servers) server.close();
  await service?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: dir, stdio: "pipe" });
const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
const pem = (name: string) => readFileSync(join(dir, name));

function makeAuthority(name: string): void {
  const names = ["-keyout", `${name}.key`, "-out", `${name}.crt`, "-subj", `/CN=${name}`];
  openssl("req", "-x509", ...NEW_KEY, ...names, "-days", "2");
}

function makeCertificate(name: string, authority: string, extension: string): void {
  const names = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`];
  openssl("req", ...NEW_KEY, ...names);
  writeFileSync(join(dir, `${name}.ext`), extension);
  const signing = ["-CA", `${authority}.crt`, "-CAkey", `${authority}.key`, "-CAcreateserial"];
  const files = ["-in", `${name}.csr`, "-out", `${name}.crt`, "-extfile", `${name}.ext`];
  openssl("x509", "-req", ...files, ...signing, "-days", "2");
}

/** TLS as a mesh has it: it ends before identity. */
async function startTls(options: TlsOptions): Promise<string> {
  const { hostname, port } = new URL(`tcp://${service.identity.addresses.grpc}`);
  const certificate = { cert: pem("server.crt"), key: pem("server.key") };
  const server = createServer({ ...certificate, ALPNProtocols: ["h2"], ...options }, (socket) => {
    const upstream = connect(Number(port), hostname);
    socket.on("error", () => upstream.destroy());
    upstream.on("error", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  server.on("tlsClientError", () => {});
  servers.push(server);
  return `127.0.0.1:${(await listen(server, { host: "127.0.0.1", port: 0 })).port}`;
}

async function canCall(target: string, tls: TlsConfig): Promise<boolean> {
  const client = createIdentityClient({ target, timeoutMs: 3_000, tls });
  try {
    return (await client.getJwks({})).keys.length > 0;
  } catch {
    return false;
  } finally {
    client.close();
  }
}

const serverName = "identity.internal";

it("speaks TLS with whom it trusts, under the name that it expects", async () => {
  const target = await startTls({});
  expect(await canCall(target, { ca: pem("ca.crt"), serverName })).toBe(true);
  expect(await canCall(target, { ca: pem("ca.crt").toString(), serverName })).toBe(true);
  expect(await canCall(target, { ca: pem("stranger.crt"), serverName })).toBe(false);
  expect(await canCall(target, { ca: pem("ca.crt"), serverName: "another" })).toBe(false);
  expect(await canCall(target, {})).toBe(false);
});

it("shows its own certificate where it is asked for one", async () => {
  const target = await startTls({
    requestCert: true,
    rejectUnauthorized: true,
    ca: pem("ca.crt"),
  });
  const own = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });
  const trusted = { ca: pem("ca.crt"), serverName };
  expect(await canCall(target, { ...trusted, ...own("client") })).toBe(true);
  expect(await canCall(target, trusted)).toBe(false);
  expect(await canCall(target, { ...trusted, ...own("intruder") })).toBe(false);
});

it("refuses half of a certificate", () => {
  const half = { cert: pem("client.crt") };
  const create = () => createIdentityClient({ target: "127.0.0.1:1", timeoutMs: 1, tls: half });
  expect(create).toThrow("cert and key go together");
});
