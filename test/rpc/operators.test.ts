import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAdminClient } from "../../src/client.ts";
import { createFolder } from "../process/surroundings.ts";
import { ADMIN_SECRET, AS_ADMIN, startService, type TestService } from "../support/service.ts";
import { until } from "../support/until.ts";
import { ofConnect } from "../support/wires.ts";

const APPS = ["a", "b", "c"].map((letter) => `wx${letter}${randomBytes(7).toString("hex")}`);
const [FIRST = "", SECOND = "", THIRD = ""] = APPS;

const opened = new AsyncDisposableStack();
let service: TestService;
let people = 0;
beforeAll(async () => {
  const folder = opened.use(createFolder());
  const MINI_APPS_FILE = join(folder.path, "mini-apps.json");
  const apps = APPS.map((appId) => ({ appId, secret: randomBytes(16).toString("hex") }));
  writeFileSync(MINI_APPS_FILE, JSON.stringify({ apps }));
  service = opened.use(await startService({ env: { MINI_APPS_FILE } }));
});
afterAll(() => opened.disposeAsync());
beforeEach(() => service.simulator.faults.clear());

const logIn = async (person: string, appId = FIRST, nickname?: string) => {
  const code = service.simulator.issueCode(person, appId);
  const userInfo = nickname ? { nickname } : {};
  const reply = await service.grpc.miniLogin({ code, appId, userInfo });
  return { ...reply, id: reply.user?.id ?? 0n };
};
const admin = () => service.adminConnect;
const reasonOf = (token: string) =>
  service.grpc.getProfile({}, { token }).then(
    () => undefined,
    ({ reason }) => reason,
  );

async function refusalOf(call: Promise<unknown>) {
  const error: ConnectError = await call.then(
    () => Promise.reject(new Error("it was not refused")),
    (it) => it,
  );
  const { reason, field } = ofConnect(error);
  return field === undefined ? { reason } : { reason, field };
}

describe("SearchUsers", () => {
  const search = async (request: Parameters<TestService["adminConnect"]["searchUsers"]>[0]) => {
    const { users, nextPageToken } = await admin().searchUsers(request, AS_ADMIN);
    return { ids: users.map(({ id }) => id), nextPageToken };
  };

  it("finds people by how their nickname begins, to the letter", async () => {
    const names = ["100%_real", "100%_", "100xyreal", "real 100%_"];
    const ids: bigint[] = [];
    for (const name of names) ids.push((await logIn(`named-${people++}`, FIRST, name)).id);
    const found = await search({ nicknamePrefix: "100%_" });
    expect(found).toEqual({ ids: [ids[1], ids[0]], nextPageToken: "" });
  });

  it("finds people by username, by phone number, and by being disabled", async () => {
    const { id, user, accessToken: token } = await logIn(`one-${people++}`);
    const phone = `138${String(20_000_000 + people++)}`;
    await service.grpc.bindPhone(
      { code: service.simulator.issuePhoneCode(phone, FIRST) },
      { token },
    );
    const username = user?.username ?? "";
    expect((await search({ username })).ids).toEqual([id]);
    expect((await search({ phone: `+86${phone}` })).ids).toEqual([id]);
    expect((await search({ username, disabled: true })).ids).toEqual([]);
    await admin().disableUser({ userId: id }, AS_ADMIN);
    expect((await search({ username, disabled: true })).ids).toEqual([id]);
    expect((await search({ disabled: true })).ids).toEqual([id]);
    expect((await search({ username, disabled: false })).ids).toEqual([]);
  });

  it("gives everybody once, page by page, the latest first", async () => {
    for (let i = 0; i < 3; i++) await logIn(`paged-${people++}`);
    const all = (await search({ pageSize: 100 })).ids;
    expect(all.length).toBeGreaterThan(3);
    expect(all).toEqual(all.toSorted((a, b) => Number(b - a)));
    const paged: bigint[] = [];
    let pageToken = "";
    do {
      const page = await search({ pageSize: 2, pageToken });
      expect(page.ids.length).toBeLessThanOrEqual(2);
      paged.push(...page.ids);
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(paged).toEqual(all);
    expect((await search({ pageSize: all.length })).nextPageToken).toBe("");
  });

  it("is noted with who looked and by what, not for whom", async () => {
    await search({ nicknamePrefix: "somebody", disabled: false });
    const { events } = await admin().listAuditEvents({ kind: "users_searched" }, AS_ADMIN);
    const details = { by: "other", criteria: "nicknamePrefix,disabled" };
    expect(events[0]).toMatchObject({ kind: "users_searched", userId: 0n });
    expect(events[0]?.details).toEqual(details);
  });

  it.each([
    ["nickname_prefix", { nicknamePrefix: "微".repeat(43) }],
    ["nickname_prefix", { nicknamePrefix: "a\0" }],
    ["username", { username: "wx_%" }],
    ["phone", { phone: "13800138000" }],
    ["page_size", { pageSize: 101 }],
    ["page_size", { pageSize: -1 }],
    ["page_token", { pageToken: "1 or 1" }],
  ])("refuses a wrong %s", async (field, request) => {
    const refusal = await refusalOf(admin().searchUsers(request, AS_ADMIN));
    expect(refusal).toEqual({ reason: "INVALID_FIELD", field });
  });
});

describe("ListAuditEvents", () => {
  it("tells what was noted about a person, by kind and page by page, the latest first", async () => {
    const { id: userId } = await logIn(`noted-${people++}`);
    await admin().disableUser({ userId }, AS_ADMIN);
    await admin().enableUser({ userId }, AS_ADMIN);
    await admin().revokeUserSessions({ userId }, AS_ADMIN);
    const list = async (request: object) =>
      admin().listAuditEvents({ userId, ...request }, AS_ADMIN);
    const first = await list({ pageSize: 2 });
    const kinds = ["user_sessions_revoked", "user_enabled", "user_disabled"];
    expect(first.events.map(({ kind }) => kind)).toEqual(kinds.slice(0, 2));
    expect(first.events[1]).toMatchObject({ userId, details: { by: "other", ended: 0 } });
    expect(Number(first.events[0]?.at?.seconds)).toBeGreaterThan(Date.now() / 1_000 - 60);
    const rest = await list({ pageSize: 2, pageToken: first.nextPageToken });
    expect(rest.events.map(({ kind }) => kind)).toEqual(kinds.slice(2));
    expect(rest.nextPageToken).toBe("");
    expect((await list({ kind: "user_enabled" })).events.map(({ kind }) => kind)).toEqual([
      "user_enabled",
    ]);
  });

  it.each([
    ["kind", { kind: "user_created" }],
    ["user_id", { userId: -1n }],
    ["page_size", { pageSize: 101 }],
    ["page_token", { pageToken: "-1" }],
  ])("refuses a wrong %s", async (field, request) => {
    const refusal = await refusalOf(admin().listAuditEvents(request, AS_ADMIN));
    expect(refusal).toEqual({ reason: "INVALID_FIELD", field });
  });
});

describe("MergeUsers", () => {
  /** One human being who is two users, which their unionid then shows. */
  async function twoUsers() {
    const person = `twice-${people++}`;
    const other = await logIn(person, SECOND, "Second");
    service.simulator.faults.set({ unionid: true });
    const kept = await logIn(person, FIRST);
    await logIn(person, SECOND);
    service.simulator.faults.clear();
    return { person, kept, other };
  }
  const merge = async (kept: { id: bigint }, other: { id: bigint }) =>
    (await admin().mergeUsers({ userId: kept.id, otherUserId: other.id }, AS_ADMIN)).user;
  const eventsOf = async ({ id: userId }: { id: bigint }) =>
    (await admin().listAuditEvents({ userId }, AS_ADMIN)).events;

  it("makes one user of two, and what one lacks comes from the other", async () => {
    const { person, kept, other } = await twoUsers();
    const candidate = { kind: "merge_candidate", userId: other.id };
    expect(await eventsOf(kept)).toMatchObject([candidate]);
    const phone = `138${String(30_000_000 + people++)}`;
    const code = service.simulator.issuePhoneCode(phone, SECOND);
    await service.grpc.bindPhone({ code }, { token: other.accessToken });

    const merged = await merge(kept, other);
    expect(merged).toMatchObject({ id: kept.id, nickname: "Second", disabled: false, version: 2n });
    expect(merged?.phoneMasked).toBe(`${phone.slice(0, 3)}****${phone.slice(-4)}`);
    const { user } = await service.directory.getUser({
      by: { case: "phone", value: `+86${phone}` },
    });
    expect(user).toMatchObject({ phone: `+86${phone}`, user: { id: kept.id } });
    expect(user?.accounts.map(({ appId }) => appId).toSorted()).toEqual([FIRST, SECOND].toSorted());

    expect(await reasonOf(kept.accessToken)).toBeUndefined();
    expect(await reasonOf(other.accessToken)).toBe("USER_NOT_FOUND");
    const refresh = service.grpc.refreshToken({ refreshToken: other.refreshToken });
    await expect(refresh).rejects.toMatchObject({ reason: "REFRESH_TOKEN_INVALID" });
    expect(await logIn(person, SECOND)).toMatchObject({ id: kept.id, isNewUser: false });
    const gone = service.directory.getUser({ by: { case: "id", value: other.id } });
    await expect(gone).rejects.toMatchObject({ reason: "USER_NOT_FOUND" });
  });

  it("is noted, for both, in place of the candidate; asked for again it stays", async () => {
    const { kept, other } = await twoUsers();
    const first = await merge(kept, other);
    expect(await merge(kept, other)).toEqual(first);
    const details = { by: "other", otherUserId: Number(other.id), accounts: 1, ended: 2 };
    const noted = [{ kind: "users_merged", userId: kept.id, details }];
    expect(await eventsOf(kept)).toMatchObject(noted);
    expect(await eventsOf(other)).toMatchObject(noted);
  });

  it("keeps what the one who remains has", async () => {
    const { kept, other } = await twoUsers();
    const profile = { nickname: "First", avatarUrl: "https://example.com/first.png" };
    await service.grpc.updateProfile(profile, { token: kept.accessToken });
    const avatarUrl = "https://example.com/second.png";
    await service.grpc.updateProfile({ avatarUrl }, { token: other.accessToken });
    const numbers = [kept, other].map(() => `138${String(40_000_000 + people++)}`);
    for (const [index, { accessToken: token }] of [kept, other].entries()) {
      const appId = [FIRST, SECOND][index];
      const code = service.simulator.issuePhoneCode(numbers[index] ?? "", appId);
      await service.grpc.bindPhone({ code }, { token });
    }
    const phoneMasked = `138****${numbers[0]?.slice(-4)}`;
    expect(await merge(kept, other)).toMatchObject({ ...profile, phoneMasked });
  });

  it("keeps somebody out who was, as either of the two", async () => {
    const { person, kept, other } = await twoUsers();
    await admin().disableUser({ userId: other.id }, AS_ADMIN);
    expect(await merge(kept, other)).toMatchObject({ disabled: true });
    expect(await reasonOf(kept.accessToken)).toBe("USER_DISABLED");
    await expect(logIn(person)).rejects.toMatchObject({ reason: "USER_DISABLED" });
    await admin().enableUser({ userId: kept.id }, AS_ADMIN);
    expect(await reasonOf(kept.accessToken)).toBe("TOKEN_REVOKED");
  });

  it("takes over the candidates of a third", async () => {
    const { person, kept, other } = await twoUsers();
    const third = await logIn(`third-${people++}`, THIRD);
    const details = { otherUserId: Number(other.id), appId: THIRD, unionScope: "main" };
    await service.sql`insert into audit_events (kind, user_id, details, once) values
      ('merge_candidate', ${String(third.id)}, ${service.sql.json(details)}, ${`third:${person}`})`;
    await merge(kept, other);
    const [event] = await eventsOf(third);
    expect(event?.details).toEqual({ ...details, otherUserId: Number(kept.id) });
  });

  /** Merges; half-way, with both users locked, what is begun meanwhile is known to wait. */
  async function mergeDuring<T>(
    kept: { id: bigint },
    other: { id: bigint },
    begin: () => Promise<T>,
  ) {
    const waiting = async () => {
      const [row] = await service.sql`
        select count(*)::int from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      return row?.count;
    };
    const merged = Promise.withResolvers<unknown>();
    const begun = await service.sql.begin(async (tx) => {
      await tx`select from mini_accounts where user_id = ${String(other.id)} for update`;
      merged.resolve(merge(kept, other));
      await until(async () => (await waiting()) === 1);
      const running = begin();
      await until(async () => (await waiting()) === 2);
      return { running };
    });
    await merged.promise;
    return begun.running;
  }

  it("lets nobody join the one who goes", async () => {
    const person = `joining-${people++}`;
    const kept = await logIn(person, FIRST);
    service.simulator.faults.set({ unionid: true });
    const other = await logIn(person, SECOND);
    const joined = await mergeDuring(kept, other, () => logIn(person, THIRD));
    expect(joined).toMatchObject({ id: kept.id, isNewUser: false });
  });

  it("overwrites no change that comes meanwhile", async () => {
    const { kept, other } = await twoUsers();
    const change = { nickname: "Changed" };
    await mergeDuring(kept, other, () =>
      service.grpc.updateProfile(change, { token: kept.accessToken }),
    );
    const { user } = await service.grpc.getProfile({}, { token: kept.accessToken });
    expect(user).toMatchObject(change);
  });

  it("loses no login that races with it", async () => {
    for (let round = 0; round < 10; round++) {
      const { person, kept, other } = await twoUsers();
      service.simulator.faults.set({ unionid: true });
      const logins = [SECOND, THIRD].flatMap((appId) =>
        Array.from({ length: 6 }, () => logIn(person, appId)),
      );
      await merge(kept, other);
      for (const login of await Promise.all(logins)) {
        const reason = await reasonOf(login.accessToken);
        expect([login.id, reason]).toEqual(
          login.id === kept.id ? [kept.id, undefined] : [other.id, "USER_NOT_FOUND"],
        );
      }
      for (const appId of APPS) expect((await logIn(person, appId)).id).toBe(kept.id);
      service.simulator.faults.clear();
    }
  });

  it("refuses two who cannot be one, and changes nothing", async () => {
    const one = await logIn(`apart-${people++}`);
    const two = await logIn(`apart-${people++}`);
    const { kept, other } = await twoUsers();
    const field = "other_user_id";
    const pairs = [
      [{ id: 0n }, two, { reason: "INVALID_FIELD", field: "user_id" }],
      [one, { id: 0n }, { reason: "INVALID_FIELD", field }],
      [one, one, { reason: "INVALID_FIELD", field }],
      [one, two, { reason: "INVALID_FIELD", field }],
      [one, { id: 999_999n }, { reason: "USER_NOT_FOUND" }],
      [{ id: 999_999n }, two, { reason: "USER_NOT_FOUND" }],
    ] as const;
    for (const [left, right, refusal] of pairs) {
      expect(await refusalOf(merge(left, right))).toEqual(refusal);
    }
    await service.grpc.deleteAccount({}, { token: other.accessToken });
    expect(await refusalOf(merge(kept, other))).toEqual({ reason: "INVALID_FIELD", field });
    expect((await eventsOf(kept)).map(({ kind }) => kind)).toEqual(["merge_candidate"]);
    expect((await logIn(`apart-${people - 3}`)).id).toBe(one.id);
  });
});

it("is there for operators alone, and in the client", async () => {
  const asTests = { headers: { authorization: "Bearer caller-secret-of-the-tests" } };
  const calls = [admin().searchUsers, admin().mergeUsers, admin().listAuditEvents];
  for (const call of calls) {
    expect(await refusalOf(call({}))).toEqual({ reason: "CALLER_UNKNOWN" });
    expect(await refusalOf(call({}, asTests))).toEqual({ reason: "CALLER_FORBIDDEN" });
  }
  const target = service.identity.addresses.grpc;
  const client = createAdminClient({ target, timeoutMs: 10_000, secret: ADMIN_SECRET });
  opened.defer(() => client.close());
  expect((await client.searchUsers({ pageSize: 1 })).users).toHaveLength(1);
});
