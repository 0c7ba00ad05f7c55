import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { formatAddress, listen } from "../../src/listen.ts";
import { runProcess, startProcess } from "../support/process.ts";
import { createFolder, createSurroundings, type Surroundings } from "./surroundings.ts";

let place: Surroundings;
beforeAll(async () => {
  place = await createSurroundings(inject("template"));
});
afterAll(() => place?.[Symbol.asyncDispose]());

describe.concurrent("a .env file in the working directory", () => {
  it("is read, and what is set already wins over it", async () => {
    using folder = createFolder();
    const lines = [`DATABASE_URL="${place.databaseUrl}"`, "# loud is no level", "LOG_LEVEL=loud"];
    writeFileSync(join(folder.path, ".env"), lines.join("\n"));
    const run = (env: Record<string, string>) => runProcess("migrate", { env, cwd: folder.path });
    const read = await run({});
    expect(read.code).toBe(78);
    expect(read.said.stderr).toMatch(/^mini-identity: LOG_LEVEL .+\n$/);
    const over = await run({ LOG_LEVEL: "info" });
    expect(over).toMatchObject({ code: 0, said: { stderr: "", lines: [{ event: "done" }] } });
  });

  it("is refused when it cannot be read", async () => {
    using folder = createFolder();
    mkdirSync(join(folder.path, ".env"));
    const { code, said } = await runProcess("gateway", { env: {}, cwd: folder.path });
    expect({ code, stderr: said.stderr }).toEqual({
      code: 78,
      stderr: "mini-identity: .env cannot be read\n",
    });
  });
});

it.concurrent("warns of a name that looks misspelt, and goes on", async () => {
  const { cwd, databaseUrl } = place;
  const env = { DATABASE_URL: databaseUrl, DATABSE_URL: "hidden", GATEWAY_PORT: "tcp://10.0.0.1" };
  const { code, said } = await runProcess("migrate", { env, cwd });
  expect({ code, stderr: said.stderr }).toEqual({ code: 0, stderr: "" });
  expect(said.lines).toMatchObject([
    { level: "warn", event: "misspelling", name: "DATABSE_URL" },
    { level: "info", event: "done" },
  ]);
  expect(said.stdout).not.toContain("hidden");
});

it.concurrent("reads a value from the file that NAME_FILE names", async () => {
  const path = join(place.cwd, "database-url");
  writeFileSync(path, `${place.databaseUrl}\n`);
  const env = { DATABASE_URL_FILE: path };
  expect(await runProcess("migrate", { env, cwd: place.cwd })).toMatchObject({ code: 0 });
});

it.concurrent("tells the real port where any free one is asked for", async () => {
  await using gateway = startProcess("gateway", { env: place.env, cwd: place.cwd });
  for (const address of Object.values(await gateway.ready())) {
    expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
  }
});

it.concurrent("logs of a driver's error only its shape", async () => {
  await using nobody = createServer();
  const address = formatAddress(await listen(nobody, { host: "127.0.0.1", port: 0 }));
  await nobody[Symbol.asyncDispose]();
  const env = { ...place.env, REDIS_URL: `redis://${address}` };
  await using identity = startProcess("identity", { env, cwd: place.cwd });
  const line = await identity.line("redis");
  expect(line).toMatchObject({ level: "warn", err: { code: "ECONNREFUSED" } });
  expect(JSON.stringify(line)).not.toContain(address);
});

describe.concurrent("a port that is taken ends the start with its address", () => {
  it.each([
    ["identity", "GRPC_LISTEN"],
    ["identity", "CONNECT_LISTEN"],
    ["identity", "OPS_LISTEN"],
    ["gateway", "GATEWAY_LISTEN"],
    ["gateway", "OPS_LISTEN"],
    ["simulator", "SIMULATOR_LISTEN"],
  ])("%s, %s", async (role, name) => {
    await using taken = createServer();
    const address = formatAddress(await listen(taken, { host: "127.0.0.1", port: 0 }));
    const env = { ...place.env, [name]: address };
    const { code, said } = await runProcess(role, { env, cwd: place.cwd });
    expect(code).toBe(1);
    expect(said.stderr).toContain(`mini-identity: cannot listen on ${address}: `);
    expect(said.lines.map(({ event }) => event)).not.toContain("ready");
  });
});
