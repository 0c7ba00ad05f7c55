import { timestampDate } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toDatabaseConfig } from "../../src/config.ts";
import { openDb } from "../../src/identity/store/db.ts";
import { createErasureStore } from "../../src/identity/store/erasure.ts";
import { AS_ADMIN, startService, type TestService } from "../support/service.ts";
import { askGateway, RPC_WIRES, refusalOf } from "../support/wires.ts";

const WIRES = [...RPC_WIRES, "gateway"] as const;
const GRACE_SECONDS = 7 * 86_400;

let service: TestService;
let people = 0;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());
beforeEach(() => service.simulator.faults.clear());

/** A person whom WeChat knows by these; a phone number is bound to them. */
async function newPerson() {
  const number = people++;
  const openid = `oCANARYopenid${number}`;
  const unionid = `oCANARYunionid${number}`;
  const phone = `139${String(20_000_000 + number)}`;
  const nickname = `CanaryNick${number}`;
  const avatarUrl = `https://canary.example.com/${number}.png`;
  const device = `CanaryPhone ${number}`;
  const logIn = async (options: { idempotencyKey?: string; unionid?: string } = {}) => {
    const { idempotencyKey } = options;
    const body = JSON.stringify({
      ...{ openid, session_key: "AAAAAAAAAAAAAAAAAAAAAA==" },
      unionid: options.unionid ?? unionid,
    });
    service.simulator.faults.set({ reply: { status: 200, contentType: "text/plain", body } });
    const code = `code-${number}`;
    const userInfo = { nickname, avatarUrl };
    const request = { code, userInfo, device, ...(idempotencyKey ? { idempotencyKey } : {}) };
    return service.grpc.miniLogin(request).finally(() => service.simulator.faults.clear());
  };
  const login = await logIn();
  const code = service.simulator.issuePhoneCode(phone);
  await service.grpc.bindPhone({ code }, { token: login.accessToken });
  const id = login.user?.id ?? 0n;
  const canaries = { openid, unionid, phone, nickname, avatarUrl, device };
  return { id, ...canaries, logIn, login, token: login.accessToken };
}

/** `DeleteAccount` on a wire; after what time, in milliseconds. */
async function deleteOn(wire: (typeof WIRES)[number], token: string): Promise<number> {
  if (wire === "gateway") {
    const reply = await askGateway(service, { method: "deleteAccount", token });
    expect(reply.status).toBe(202);
    return Date.parse(((await reply.json()) as { erasedAfter: string }).erasedAfter);
  }
  const reply =
    wire === "grpc"
      ? await service.grpc.deleteAccount({}, { token })
      : await service[wire].deleteAccount({}, { headers: { authorization: `Bearer ${token}` } });
  return timestampDate(reply.erasedAfter ?? expect.fail("no time")).getTime();
}

const reasonOf = async (token: string) =>
  (await refusalOf(service, "grpc", { method: "getProfile", token }))?.reason;
const eraseAfter = async (id: bigint) =>
  (await service.sql`select erase_after from users where id = ${String(id)}`)[0]?.erase_after;
const events = async (id: bigint) =>
  (
    await service.sql`
      select kind, details from audit_events where user_id = ${String(id)} order by id`
  ).map(({ kind, details }) => [kind, details]);

/** What maintenance does when the grace is over. */
async function eraseNow(...ids: bigint[]): Promise<number> {
  const db = openDb(toDatabaseConfig({ DATABASE_URL: service.env.DATABASE_URL ?? "" }));
  await service.sql`
    update users set erase_after = now() where id in ${service.sql(ids.map(String))}
    and erase_after is not null`;
  return createErasureStore(db)
    .erase(100)
    .finally(() => db.close());
}

/** All rows of all tables, as text. */
async function everything(): Promise<string> {
  const tables = await service.sql`
    select format('%I.%I', table_schema, table_name) as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema')`;
  expect(tables.length).toBeGreaterThan(6);
  const texts = await Promise.all(
    tables.map(({ name }) => service.sql.unsafe(`select t::text as row from ${name} t`)),
  );
  return texts.flatMap((rows) => rows.map(({ row }) => row)).join("\n");
}

describe("an export", () => {
  it("holds all about its person, on every wire", async () => {
    const { id, token, logIn, ...person } = await newPerson();
    const { openid, unionid, phone, nickname, avatarUrl, device } = person;
    const ended = await logIn();
    await service.grpc.logout({}, { token: ended.accessToken });
    await service.adminConnect.enableUser({ userId: id }, AS_ADMIN);
    await newPerson();
    const headers = { authorization: `Bearer ${token}` };
    const replies = [
      await service.grpc.exportAccount({}, { token }),
      await service.connect.exportAccount({}, { headers }),
      await service.grpcWeb.exportAccount({}, { headers }),
    ];
    for (const { account } of replies) {
      expect(account).toMatchObject({
        user: { id, nickname, avatarUrl, phoneMasked: expect.stringMatching(/\*/) },
        phone: `+86${phone}`,
        miniAccounts: [{ appId: service.appId, openid, unionid }],
        sessions: [{ device, appId: service.appId }, { device }],
        events: [{ kind: "user_enabled" }],
      });
      expect(account?.sessions.map(({ endedAt }) => endedAt === undefined)).toEqual([false, true]);
      expect(account?.erasedAfter).toBeUndefined();
    }
    const reply = await askGateway(service, { method: "exportAccount", token });
    expect([reply.status, reply.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const text = await reply.text();
    expect(JSON.parse(text)).toMatchObject({
      user: { id: Number(id), nickname, avatar: avatarUrl, phone: `+86${phone}` },
      accounts: [{ appId: service.appId, openid, unionid }],
      sessions: [{ device }, { device, endedAt: null }],
      events: [{ kind: "user_enabled" }],
    });
    expect(text).not.toMatch(/hash|sealed|other/i);
  });

  it("ends at 1,000 logins", async () => {
    const { id, token } = await newPerson();
    await service.sql`
      insert into sessions (id, user_id, app_id, openid, device, family_hash, token_hash, expires_at)
      select gen_random_uuid(), ${String(id)}, ${service.appId}, 'oX', repeat('机', 64), '', '', now()
      from generate_series(1, 1100)`;
    const { account } = await service.grpc.exportAccount({}, { token });
    expect(account?.sessions).toHaveLength(1_000);
    expect((await askGateway(service, { method: "exportAccount", token })).status).toBe(200);
  });

  it("is given to an operator too, and noted", async () => {
    const { id, openid, phone } = await newPerson();
    const { account } = await service.adminConnect.exportUser({ userId: id }, AS_ADMIN);
    expect(account).toMatchObject({
      user: { id },
      phone: `+86${phone}`,
      miniAccounts: [{ openid }],
    });
    expect(await events(id)).toEqual([["user_exported", { by: "other" }]]);
  });
});

describe.each(WIRES)("a deletion over %s", (wire) => {
  it("ends every login at once, and takes the grace", async () => {
    const { id, openid, token, login, logIn } = await newPerson();
    const second = await logIn();
    const key = `identity:session_key:${service.appId}:${openid}`;
    expect(await service.redis.exists(key)).toBe(1);
    const erasedAfterMs = await deleteOn(wire, token);
    expect(erasedAfterMs / 1_000).toBeCloseTo(Date.now() / 1_000 + GRACE_SECONDS, -2);
    expect((await eraseAfter(id)).getTime()).toBe(erasedAfterMs);
    for (const { accessToken, refreshToken } of [login, second]) {
      expect(await reasonOf(accessToken)).toBe("TOKEN_REVOKED");
      await expect(service.grpc.refreshToken({ refreshToken })).rejects.toMatchObject({
        reason: "REFRESH_TOKEN_INVALID",
      });
    }
    expect(await service.redis.exists(key)).toBe(0);
    expect(await events(id)).toEqual([["user_deletion_requested", { ended: 2 }]]);
    const again = await refusalOf(service, "grpc", { method: "deleteAccount", token });
    expect(again?.reason).toBe("TOKEN_REVOKED");
  });

  it("is taken back by a login before the end of the grace", async () => {
    const { id, phone, nickname, avatarUrl, token, logIn } = await newPerson();
    await deleteOn(wire, token);
    const back = await logIn();
    expect(back).toMatchObject({ isNewUser: false, user: { id, nickname } });
    expect(await eraseAfter(id)).toBeNull();
    expect(await eraseNow(id)).toBe(0);
    const kept = await service.grpc.exportAccount({}, { token: back.accessToken });
    expect(kept.account).toMatchObject({ user: { id, avatarUrl }, phone: `+86${phone}` });
  });
});

it("is not taken back by a login of before it that is asked for again", async () => {
  const { id, logIn } = await newPerson();
  const idempotencyKey = `before-deletion-${id}`.padEnd(24, "0");
  const { accessToken } = await logIn({ idempotencyKey });
  const erasedAfterMs = await deleteOn("grpc", accessToken);
  await expect(logIn({ idempotencyKey })).rejects.toMatchObject({ reason: "LOGIN_CODE_USED" });
  expect((await eraseAfter(id)).getTime()).toBe(erasedAfterMs);
});

describe("an operator's deletion", () => {
  const remove = async (userId: bigint) => {
    const { erasedAfter } = await service.adminConnect.deleteUser({ userId }, AS_ADMIN);
    return timestampDate(erasedAfter ?? expect.fail("no time")).getTime();
  };

  it("is like the person's own, noted, and stays at its first time", async () => {
    const { id, token, logIn } = await newPerson();
    const erasedAfterMs = await remove(id);
    expect(await remove(id)).toBe(erasedAfterMs);
    expect(await reasonOf(token)).toBe("TOKEN_REVOKED");
    const { account } = await service.adminConnect.exportUser({ userId: id }, AS_ADMIN);
    expect(timestampDate(account?.erasedAfter ?? expect.fail("no time")).getTime()).toBe(
      erasedAfterMs,
    );
    expect(await events(id)).toEqual([
      ["user_deletion_requested", { by: "other", ended: 1 }],
      ["user_deletion_requested", { by: "other", ended: 0 }],
      ["user_exported", { by: "other" }],
    ]);
    expect((await logIn()).user?.id).toBe(id);
    expect(await eraseAfter(id)).toBeNull();
  });

  it("does not end a ban: neither by a login nor by being forgotten", async () => {
    const { id, token, logIn } = await newPerson();
    await deleteOn("grpc", token);
    await service.adminConnect.disableUser({ userId: id }, AS_ADMIN);
    const erasedAfterMs = await remove(id);
    await expect(logIn()).rejects.toMatchObject({ reason: "USER_DISABLED" });
    expect((await eraseAfter(id)).getTime()).toBe(erasedAfterMs);
    expect(await eraseNow(id)).toBe(0);
    await expect(logIn()).rejects.toMatchObject({ reason: "USER_DISABLED" });
    await service.adminConnect.enableUser({ userId: id }, AS_ADMIN);
    expect(await eraseNow(id)).toBe(1);
    expect((await logIn()).isNewUser).toBe(true);
  });
});

it("leaves nothing behind that identifies the person, in no table and not in Redis", async () => {
  const { id, login, token, logIn, ...person } = await newPerson();
  const { openid, unionid } = person;
  const bystander = await newPerson();
  const [row] = await service.sql`
    select username, phone_sealed, phone_index, phone_masked from users where id = ${String(id)}`;
  // What is noted with personal data in it: a stolen token, a unionid that changes, a merge.
  const { refreshToken } = await service.grpc.refreshToken({ refreshToken: login.refreshToken });
  await service.grpc.refreshToken({ refreshToken });
  await service.grpc.refreshToken({ refreshToken }).catch(() => {});
  await logIn({ unionid: "oCANARYother" });
  await bystander.logIn({ unionid });
  await service.sql`
    insert into audit_events (kind, user_id, details, once)
    values ('merge_candidate', ${String(bystander.id)},
      ${service.sql.json({ otherUserId: Number(id), appId: service.appId })}, 'pair')`;
  expect((await events(id)).map(([kind]) => kind)).toEqual([
    "refresh_token_reused",
    "unionid_changed",
  ]);
  expect((await events(bystander.id)).map(([kind]) => kind)).toEqual([
    "unionid_changed",
    "merge_candidate",
  ]);

  const { accessToken } = await logIn();
  await deleteOn("gateway", accessToken);
  const canaries = {
    ...person,
    ...{ otherUnionid: "oCANARYother", loginSession: login.sessionId },
    ...row,
  };
  const before = await everything();
  for (const [name, canary] of Object.entries(canaries)) {
    if (name !== "phone") expect(before.includes(canary), name).toBe(true);
  }
  expect(await eraseNow(id)).toBe(1);
  const after = await everything();
  for (const [name, canary] of Object.entries(canaries)) {
    expect(after.includes(canary), name).toBe(false);
  }
  expect(await service.redis.keys(`*${openid}*`)).toEqual([]);
  expect(await events(id)).toEqual([
    ["user_deletion_requested", { ended: 2 }],
    ["user_erased", {}],
  ]);
  expect(await events(bystander.id)).toEqual([]);
  const kept = await service.grpc.exportAccount({}, { token: bystander.token });
  expect(kept.account).toMatchObject({
    user: { id: bystander.id, nickname: bystander.nickname, avatarUrl: bystander.avatarUrl },
    phone: `+86${bystander.phone}`,
    miniAccounts: [{ openid: bystander.openid, unionid: bystander.unionid }],
  });

  expect(await reasonOf(token)).toBe("USER_NOT_FOUND");
  await expect(
    service.directory.getUser({ by: { case: "unionid", value: unionid } }),
  ).rejects.toMatchObject({ reason: "USER_NOT_FOUND" });
  const anew = await logIn();
  expect(anew.isNewUser).toBe(true);
  expect(anew.user?.id).not.toBe(id);
  expect(anew.user?.phoneMasked).toBe("");
});
