import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEnv, toIdentityConfig } from "../../src/config.ts";
import { toGatewayConfig } from "../../src/config-gateway.ts";
import { ConfigError } from "../../src/config-values.ts";
import { runProcess } from "../support/process.ts";
import { createFolder } from "./surroundings.ts";

const SECRET = "6a1f0c9d3b7e48258e4df1a2b6c09574";
const [KEY, OTHER_KEY] = ["q1rZt8xV3mYw0pLk", "B7nD2sFh9jGc4aTe"].map((half) =>
  Buffer.from(half.repeat(2)).toString("base64"),
);

/** Whole, so that a row's own change is all there is to refuse; nothing listens there. */
const PRODUCTION = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://identity:hidden-in-database@127.0.0.1:1/none",
  REDIS_URL: "redis://:hidden-in-redis@127.0.0.1:1",
  WX_MINI_APP_ID: "wxfedcba9876543210",
  WX_MINI_APP_SECRET: SECRET,
  MASTER_KEYS: `k1:${KEY}`,
  GATEWAY_LISTEN: "127.0.0.1:0",
  OPS_LISTEN: "127.0.0.1:0",
};
const HIDDEN = [SECRET, KEY, OTHER_KEY, "hidden"].map(String);

let folder: ReturnType<typeof createFolder>;
beforeAll(() => {
  folder = createFolder();
  writeFileSync(join(folder.path, "bad.json"), `{"apps":[{"secret":"${SECRET}"`);
  const nowhere = [{ appId: "wxaaaa", secretFile: join(folder.path, "hidden-nowhere") }];
  writeFileSync(join(folder.path, "nowhere.json"), JSON.stringify({ apps: nowhere }));
  const twice = Array.from({ length: 2 }, () => ({ appId: "wxaaaa", secret: SECRET }));
  writeFileSync(join(folder.path, "twice.json"), JSON.stringify({ apps: twice }));
});
afterAll(() => folder?.[Symbol.dispose]());

type Changes = Record<string, string | undefined>;

function withChanges(changes: Changes): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...PRODUCTION, ...changes } as Changes)) {
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** Runs it on PRODUCTION with these changes, of which undefined removes. */
async function expectRefused(role: string, changes: Changes, named: RegExp | string) {
  const { code, said } = await runProcess(role, { env: withChanges(changes), cwd: folder.path });
  const output = said.stdout + said.stderr;
  expect(code, output).toBe(78);
  expect(said.stderr).toMatch(/^mini-identity: [^\n]+\n$/);
  expect(said.stderr).toMatch(named);
  const values = Object.values(changes).filter((value) => value !== undefined);
  for (const value of [...HIDDEN, ...values]) expect(output).not.toContain(value);
}

describe.concurrent("in production nothing is made up", () => {
  const required = [
    "DATABASE_URL",
    "REDIS_URL",
    "WX_MINI_APP_ID",
    "WX_MINI_APP_SECRET",
    "MASTER_KEYS",
  ];
  const rows = ["all", "identity"].flatMap((role) => required.map((name) => ({ role, name })));
  it.each(rows)("role $role without $name", async ({ role, name }) => {
    await expectRefused(role, { [name]: undefined }, `${name} is missing`);
  });

  it("no simulator", () => expectRefused("simulator", {}, "NODE_ENV=production"));
});

const BUCKET = {
  AVATAR_S3_ENDPOINT: "https://s3.example.com",
  AVATAR_S3_BUCKET: "avatars",
  AVATAR_S3_ACCESS_KEY_ID: "id",
  AVATAR_S3_SECRET_ACCESS_KEY: "hidden",
};

describe.concurrent("a value that does not parse is refused, by name", () => {
  it.each<[name: string, value: string, role?: string]>([
    ["DATABASE_URL", "mysql://identity:hidden@127.0.0.1:1/none", "migrate"],
    ["REDIS_URL", "localhost:6379"],
    ["GRPC_LISTEN", "127.0.0.1:65536"],
    ["GATEWAY_LISTEN", "8080", "gateway"],
    ["OPS_LISTEN", "127.0.0.1:http", "gateway"],
    ["IDENTITY_GRPC_TARGET", "http://identity:50051", "gateway"],
    ["ACCESS_TOKEN_TTL", "7 days"],
    ["LOG_LEVEL", "loud", "gateway"],
    ["WORKERS", "0"],
    ["WORKERS", "two", "all"],
    ["WORKERS", "2.5", "gateway"],
    ["TRUSTED_PROXIES", "0.0.0.0/0", "gateway"],
    ["RATE_LIMIT_LOGIN", "many", "gateway"],
    ["MASTER_KEYS", "k1:not/base64"],
    ["MASTER_KEYS", `k1:${KEY},k1:${OTHER_KEY}`],
  ])("%s=%s", async (name, value, role = "identity") => {
    await expectRefused(role, { [name]: value }, new RegExp(`: ${name} \\w`));
  });

  it.each([
    ["DATABASE_URL", "127.0.0.1:5432"],
    ["DATABASE_URL", "postgres://"],
    ["DATABASE_URL", "postgres://user@host"],
    ["DATABASE_URL", "postgres://user@host:99999/one"],
    ["DATABASE_URL", "postgres://user:100%secret@host/one"],
    ["REDIS_URL", "redis://"],
    ["REDIS_URL", "redis://:100%secret@host"],
    ["REDIS_URL", "redis://host:port"],
    ["REDIS_URL", "redis://host/cache"],
    ["WX_MINI_APP_ID", "wx no id"],
    ["WX_MINI_APP_SECRET", "XXXXXXXXXXXXXXXXXXXX"],
    ["WX_API_BASE_URL", "https://api.weixin.qq.com/sns"],
    ["TOKEN_ISSUER", "id.example.com"],
    ["WX_CONTENT_CHECK", "yes"],
    ["CONNECT_LISTEN", ":8081"],
    ["SESSION_KEY_TTL", "367d"],
    ["ACCESS_TOKEN_TTL", "0h"],
    ["ACCOUNT_DELETION_GRACE", "0d"],
    ["ACCOUNT_DELETION_GRACE", "1w"],
    ["REFRESH_TOKEN_TTL", "a month"],
    ["MASTER_KEYS", `k1:${Buffer.alloc(32).toString("base64")}`],
  ])("%s=%s, without a process of its own", (name, value) => {
    const read = () => toIdentityConfig(readEnv(withChanges({ [name]: value })));
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(new RegExp(`^${name} `));
    expect(read).not.toThrow(value);
  });

  it.each([
    ["TRUSTED_PROXIES", "10.0.0.0/33"],
    ["TRUSTED_PROXIES", "proxy.internal"],
    ["TRUSTED_PROXIES", "10.0.0.1,::/0"],
    ["TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"],
    ["TRUSTED_PROXIES", "2000::/3"],
    ["RATE_LIMIT_LOGIN", "0/3m"],
    ["RATE_LIMIT_LOGIN", "-1/1m"],
    ["RATE_LIMIT_LOGIN", "300/0s"],
    ["RATE_LIMIT_LOGIN", "300"],
    ["RATE_LIMIT_LOGIN", "NaN/1m"],
    ["REDIS_URL", "localhost"],
    ["AVATAR_BASE_URL", "cdn.example.com"],
    ["AVATAR_BASE_URL", "https://cdn.example.com/?size=1"],
    ["AVATAR_BASE_URL", "https://user:hidden@cdn.example.com"],
    ["AVATAR_BASE_URL", `https://cdn.example.com/${"a".repeat(400)}`],
    ["AVATAR_S3_ENDPOINT", "s3.example.com"],
    ["AVATAR_S3_ENDPOINT", "https://s3.example.com/bucket"],
    ["AVATAR_S3_BUCKET", "../other"],
  ])("%s=%s at the gateway, without a process of its own", (name, value) => {
    const changes = name.startsWith("AVATAR_S3_")
      ? { ...BUCKET, [name]: value }
      : { [name]: value };
    const read = () => toGatewayConfig(readEnv(withChanges(changes)));
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(new RegExp(`^${name} `));
    expect(read).not.toThrow(value);
  });

  it.each(Object.keys(BUCKET))("a bucket without %s, without a process of its own", (name) => {
    const read = (changes: Changes) => toGatewayConfig(readEnv(withChanges(changes)));
    const missing = `${name} is missing`;
    expect(() => read({ ...BUCKET, [name]: undefined })).toThrow(missing);
    expect(read(BUCKET).avatars.s3).toMatchObject({ bucket: "avatars", region: "us-east-1" });
  });

  it("a database that is not there", async () => {
    const url = "postgres://identity:hidden@127.0.0.1:1/none";
    const { code, said } = await runProcess("migrate", {
      env: withChanges({ DATABASE_URL: url }),
      cwd: folder.path,
    });
    expect(code).toBe(1);
    expect(said.stderr).toMatch(
      /^mini-identity: DATABASE_URL: PostgreSQL cannot be used: ECONNREFUSED\n$/,
    );
  });

  it("access tokens that outlive their login", () =>
    expectRefused(
      "identity",
      { ACCESS_TOKEN_TTL: "3h", REFRESH_TOKEN_TTL: "119m" },
      /: ACCESS_TOKEN_TTL is longer than REFRESH_TOKEN_TTL\n$/,
    ));

  it("a role that is none", () => expectRefused("serve", {}, /: the role is one of all, /));
});

it.each([
  ["nothing", {}, "http://127.0.0.1:8080"],
  ["the gateway's listener", { GATEWAY_LISTEN: "127.0.0.1:9080" }, "http://127.0.0.1:9080"],
  ["TOKEN_ISSUER", { TOKEN_ISSUER: "https://id.example.com/" }, "https://id.example.com"],
  [
    "AVATAR_BASE_URL",
    { TOKEN_ISSUER: "https://id.example.com", AVATAR_BASE_URL: "https://cdn.example.com/id" },
    "https://cdn.example.com/id",
  ],
])("avatars have the same address at gateway and identity, made of %s", (_what, changes, url) => {
  const env = {
    ...withChanges(changes),
    ...("TOKEN_ISSUER" in changes ? {} : { TOKEN_ISSUER: "" }),
  };
  const read = readEnv("GATEWAY_LISTEN" in changes ? env : { ...env, GATEWAY_LISTEN: "" });
  expect(toIdentityConfig(read).avatarBaseUrl).toBe(url);
  expect(toGatewayConfig(read).avatars.baseUrl).toBe(url);
});

describe.concurrent("settings that contradict each other or name nothing are refused", () => {
  const alone = { WX_MINI_APP_ID: undefined, WX_MINI_APP_SECRET: undefined };
  it.each<[what: string, changes: Changes, files: Changes, named: RegExp]>([
    ["MINI_APPS_FILE without JSON", alone, { MINI_APPS_FILE: "bad.json" }, /MINI_APPS_FILE/],
    ["MINI_APPS_FILE missing", alone, { MINI_APPS_FILE: "hidden.json" }, /MINI_APPS_FILE/],
    ["one app id twice", alone, { MINI_APPS_FILE: "twice.json" }, /MINI_APPS_FILE .*twice/],
    ["secretFile missing", alone, { MINI_APPS_FILE: "nowhere.json" }, /MINI_APPS_FILE/],
    ["two sources of apps", {}, { MINI_APPS_FILE: "bad.json" }, /MINI_APPS_FILE .*WX_MINI_APP_ID/],
    [
      "a value and its file",
      {},
      { DATABASE_URL_FILE: "bad.json" },
      /DATABASE_URL and DATABASE_URL_FILE are both set/,
    ],
    [
      "a file that is missing",
      { MASTER_KEYS: undefined },
      { MASTER_KEYS_FILE: "hidden" },
      /MASTER_KEYS_FILE names a file/,
    ],
  ])("%s", async (_what, changes, files, named) => {
    const paths = Object.entries(files).map(([name, file]) => [name, join(folder.path, `${file}`)]);
    await expectRefused("identity", { ...changes, ...Object.fromEntries(paths) }, named);
  });
});
