import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDemo } from "../../src/dev/demo.ts";
import { createGateway, type Gateway } from "../../src/gateway/index.ts";
import { config, fakeIdentity, log, metrics } from "../gateway/fake-identity.ts";

/** A build with a neighbour that is none of its business. */
const folder = mkdtempSync(join(tmpdir(), "mini-identity-demo-"));
const built = join(folder, "h5");
const issued: string[] = [];
const simulator = {
  issueCode: (person: string) => `code-${issued.push(person)}`,
  issuePhoneCode: (phone: string | object) => `phone-${issued.push(String(phone))}`,
};

let gateway: Gateway;
beforeAll(async () => {
  const extra = createDemo(simulator, built);
  gateway = await createGateway(config, { identity: fakeIdentity().identity, log, metrics, extra });
});
afterAll(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

/** Unlike fetch it sends a path as it is. */
async function ask(path: string, method = "GET") {
  const { promise, resolve, reject } = Promise.withResolvers<import("node:http").IncomingMessage>();
  const { host, port } = gateway.address;
  request({ host, port, path, method }, resolve).on("error", reject).end();
  const response = await promise;
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

describe("the demo", () => {
  it("says how to build it, and is there once that is done", async () => {
    const before = await ask("/demo/");
    expect(before).toMatchObject({ status: 404, body: expect.stringContaining("npm run demo") });
    mkdirSync(join(built, "js"), { recursive: true });
    writeFileSync(join(built, "index.html"), "<!doctype html>");
    writeFileSync(join(built, "js", "app.js"), "run()");
    writeFileSync(join(built, "secret"), "of no known type");
    writeFileSync(join(folder, "secret.txt"), "not of the demo");
    expect(await ask("/demo/")).toMatchObject({
      status: 200,
      body: "<!doctype html>",
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": expect.stringContaining(
          "default-src 'none'; script-src 'self';",
        ),
        "x-content-type-options": "nosniff",
      },
    });
    expect(await ask("/demo")).toMatchObject({ status: 302, headers: { location: "/demo/" } });
    expect(await ask("/demo/js/app.js?v=1")).toMatchObject({
      status: 200,
      body: "run()",
      headers: { "content-type": "text/javascript; charset=utf-8" },
    });
  });

  it.each([
    "/demo/../secret.txt",
    "/demo/..%2fsecret.txt",
    "/demo/%2e%2e/secret.txt",
    "/demo/js/../../secret.txt",
    "/demo/js%2f..%2f..%2fsecret.txt",
    "/demo/..%5csecret.txt",
    `/demo/${encodeURIComponent(join(folder, "secret.txt"))}`,
    `/demo/${join(folder, "secret.txt")}`,
    "/demo/index.html%00.js",
    "/demo/js",
    "/demo/secret",
    "/demo/elsewhere.js",
  ])("serves nothing but its files: %s", async (path) => {
    const { status, body } = await ask(path);
    expect({ status, reason: JSON.parse(body).reason }).toEqual({
      status: 404,
      reason: "ROUTE_NOT_FOUND",
    });
  });

  it("gives the codes that WeChat would give", async () => {
    expect(await ask("/demo/code?person=%E5%B0%8F%E7%BA%A2")).toMatchObject({
      status: 200,
      body: "code-1",
      headers: {
        "content-type": expect.stringMatching(/^text\/plain/),
        "cache-control": "no-store",
      },
    });
    expect(await ask("/demo/phone-code?phone=13800138000")).toMatchObject({ body: "phone-2" });
    expect(issued).toEqual(["小红", "13800138000"]);
  });

  it.each([
    ["/demo/code", "person"],
    [`/demo/code?person=${"x".repeat(129)}`, "person"],
    ["/demo/phone-code?phone=12ab", "phone"],
  ])("refuses what it cannot take: %s", async (path, field) => {
    const { status, body } = await ask(path);
    expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 400, reason: "INVALID_FIELD" });
    expect(body).toContain(`（${field}）`);
    expect(issued).toHaveLength(2);
  });

  it("is only read", async () => {
    expect(await ask("/demo/", "POST")).toMatchObject({
      status: 405,
      headers: { allow: "GET, HEAD" },
    });
  });
});
