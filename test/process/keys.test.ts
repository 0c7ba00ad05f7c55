import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { expect, inject, it } from "vitest";
import type { IdentityCallError } from "../../src/client.ts";
import { runProcess, startProcess } from "../support/process.ts";
import { type Replica, startReplicas } from "./replicas.ts";
import { createSurroundings } from "./surroundings.ts";

const PROCESSES = 3;
const PEOPLE = 30;

/** A refresh at one process and a profile at the next: 150 of each a second. */
const PAIRS_PER_TICK = 3;
const TICK_MS = 20;

const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid;

it("rejects no token while the key is rotated every 10 s on three processes at 300 calls/s", async () => {
  await using service = await startReplicas(PROCESSES);
  const { simulator, replicas } = service;
  const replica = (i: number) => replicas[i % PROCESSES] as Replica;
  const { admin } = replicas[0];
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, async (_, i) => {
      const login = await replica(i).grpc.miniLogin({ code: simulator.issueCode(`person-${i}`) });
      return { first: login.accessToken, refreshToken: login.refreshToken, isBusy: false };
    }),
  );
  const kids = new Set<string>();
  const failures: string[] = [];
  let pairs = 0;
  const pair = async (person: (typeof people)[number], i: number) => {
    person.isBusy = true;
    try {
      const next = await replica(i).grpc.refreshToken({ refreshToken: person.refreshToken });
      person.refreshToken = next.refreshToken;
      kids.add(kidOf(next.accessToken));
      await replica(i + 1).grpc.getProfile({}, { token: next.accessToken });
      pairs++;
    } catch (error) {
      failures.push((error as IdentityCallError).reason);
    }
    person.isBusy = false;
  };
  let turn = 0;
  const load = setInterval(() => {
    for (let i = 0; i < PAIRS_PER_TICK; i++) {
      const person = people[turn++ % PEOPLE];
      if (person && !person.isBusy) pair(person, turn);
    }
  }, TICK_MS);
  try {
    for (let rotation = 0; rotation < 2; rotation++) {
      await sleep(10_000);
      expect(await admin.rotateSigningKey({})).toMatchObject({ rotated: true });
    }
    await sleep(4_000);
  } finally {
    clearInterval(load);
  }
  const old = people.map(({ first }, i) => replica(i).grpc.getProfile({}, { token: first }));
  await Promise.all(old);
  expect(failures).toEqual([]);
  expect(kids.size).toBe(3);
  expect(pairs).toBeGreaterThan(1_000);
}, 90_000);

it("exchanges the master key without losing anything, and says when one is missing", async () => {
  await using around = await createSurroundings(inject("template"));
  const fresh = `fresh:${randomBytes(32).toString("base64")}`;
  const old = around.env.MASTER_KEYS as string;
  const options = (keys: string) => ({
    cwd: around.cwd,
    env: { ...around.env, WX_API_BASE_URL: "http://127.0.0.1:1", MASTER_KEYS: keys },
  });
  const command = (keys: string) => runProcess(["cli", "keys", "rewrap"], options(keys));
  const stored = async () => {
    const sql = postgres(around.databaseUrl, { max: 1 });
    const [row] = await sql`
      select (select sealed from data_keys where name = 'phone_index') as data_key,
             (select encrypted_private_key from signing_keys where state = 'active') as private_key`;
    await sql.end();
    return row;
  };
  {
    await using identity = startProcess("identity", options(old));
    await identity.ready();
  }
  const sealed = await stored();
  expect(sealed?.data_key).toMatch(/^test\./);

  const lost = await runProcess("identity", options(fresh));
  expect(lost.code).toBe(78);
  expect(lost.said.stderr).toMatch(/^mini-identity: MASTER_KEYS lacks the key test [^\n]*\n$/);
  expect((await command(fresh)).code).toBe(78);

  const rewrapped = await command(`${fresh},${old}`);
  expect(rewrapped).toMatchObject({ code: 0 });
  const [line] = rewrapped.said.lines.filter(({ event }) => event === "rewrapped");
  // Two signing keys and two data keys.
  expect(line).toMatchObject({ under: "fresh", values: 4 });
  expect(await stored()).toEqual({
    data_key: expect.stringMatching(/^fresh\./),
    private_key: expect.stringMatching(/^fresh\./),
  });
  const again = await command(`${fresh},${old}`);
  expect(again.said.lines).toContainEqual(expect.objectContaining({ values: 0 }));
  {
    await using identity = startProcess("identity", options(fresh));
    await identity.ready();
  }
  const unknown = await runProcess(["cli", "keys", "eat"], options(fresh));
  expect(unknown.code).toBe(78);
  expect(unknown.said.stderr).toContain("keys rewrap");
});
