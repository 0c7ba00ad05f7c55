import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { toIdentityConfig } from "../../src/config.ts";
import { developmentMasterKeys } from "../../src/dev/master-key.ts";
import { startNetwork } from "../../src/dev/network.ts";
import { listen } from "../../src/listen.ts";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "network-"));
  // Closed, as it is made, it would have root's database somewhere else.
  chmodSync(dir, 0o755);
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

it("makes master keys once per data folder", () => {
  const keys = developmentMasterKeys(join(dir, "one"));
  expect(keys).toMatch(/^dev:[A-Za-z0-9+/]{43}=$/);
  expect(developmentMasterKeys(join(dir, "one"))).toBe(keys);
  expect(developmentMasterKeys(join(dir, "two"))).not.toBe(keys);
  expect(statSync(join(dir, "one", "master-keys")).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(dir, "one"))).toEqual(["master-keys"]);
});

it("fills in all that a bare environment lacks", { timeout: 60_000 }, async () => {
  const given = { DATA_DIR: dir, SIMULATOR_LISTEN: "127.0.0.1:0" };
  await using network = await startNetwork(given, { durable: false });
  const config = toIdentityConfig(network.env);
  expect(config.wechat.baseUrl).toBe(network.simulator?.url);
  expect(network.parts.map(({ kind }) => kind)).toEqual(["embedded", "embedded", "embedded"]);
  const password = new URL(config.database.url).password;
  expect(password).toHaveLength(48);
  expect(JSON.stringify(network.parts)).not.toContain(password);
  expect(given).not.toHaveProperty("DATABASE_URL");
});

const CONFIGURED = {
  DATABASE_URL: "postgres://user:hidden@db:5432/identity",
  REDIS_URL: "redis://:hidden@cache:6379",
  WX_MINI_APP_ID: "wxaaaa",
};

it("starts nothing that is configured", async () => {
  await using network = await startNetwork({ ...CONFIGURED, DATA_DIR: dir });
  expect(network.simulator).toBeUndefined();
  expect(network.parts).toEqual([
    { name: "PostgreSQL", where: "postgres://db:5432/identity", kind: "configured" },
    { name: "Redis", where: "redis://cache:6379", kind: "configured" },
    { name: "WeChat", where: "https://api.weixin.qq.com/", kind: "configured" },
  ]);
});

it("closes what it opened when a later part fails", { timeout: 60_000 }, async () => {
  await using taken = createServer();
  const { port } = await listen(taken, { host: "127.0.0.1", port: 0 });
  const env = { DATA_DIR: dir, SIMULATOR_LISTEN: `127.0.0.1:${port}` };
  await expect(startNetwork(env, { durable: false })).rejects.toThrow("it is taken");
  expect(readdirSync(join(dir, "postgres"))).not.toContain("postmaster.pid");
});
