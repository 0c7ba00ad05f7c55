import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { expect, it } from "vitest";
import type { IdentityCallError, IdentityClient } from "../../src/client.ts";
import { type Replica, startReplicas } from "../process/replicas.ts";

const PROCESSES = 3;
const PEOPLE = 1_000;
const LOGINS_EACH = 10;

/** At one time; the rest follow as these end. */
const CONCURRENCY = 300;

/** What is answered when so many at once are too much for the machine. */
const BUSY = ["STORAGE_UNAVAILABLE", "OVERLOADED"];

/** As a device does: asks again under the same key when the service was too busy. */
async function logInPatiently(client: IdentityClient, code: string) {
  const idempotencyKey = randomUUID();
  for (;;) {
    try {
      return await client.miniLogin({ code, idempotencyKey });
    } catch (error) {
      if (!BUSY.includes((error as IdentityCallError).reason)) throw error;
    }
  }
}

it("makes 1,000 users of 10,000 concurrent first logins of 1,000 people on three processes", async () => {
  await using service = await startReplicas(PROCESSES);
  const { simulator, replicas, around } = service;
  const users = new Map<string, Set<bigint>>();
  let newUsers = 0;
  let next = 0;
  const logIn = async () => {
    while (next < PEOPLE * LOGINS_EACH) {
      const number = next++;
      // All logins of a person one after the other, so that they meet.
      const person = `person-${Math.floor(number / LOGINS_EACH)}`;
      const { grpc } = replicas[number % PROCESSES] as Replica;
      const reply = await logInPatiently(grpc, simulator.issueCode(person));
      if (reply.isNewUser) newUsers++;
      const ids = users.get(person) ?? new Set();
      users.set(person, ids.add(reply.user?.id ?? 0n));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, logIn));
  expect(newUsers).toBe(PEOPLE);
  expect([...users.values()].every((ids) => ids.size === 1)).toBe(true);
  const sql = postgres(around.databaseUrl, { max: 1 });
  const [row] = await sql`
    select (select count(*)::int from users) as users,
           (select count(*)::int from mini_accounts) as accounts,
           (select count(*)::int from sessions) as sessions`;
  await sql.end();
  expect(row).toEqual({ users: PEOPLE, accounts: PEOPLE, sessions: PEOPLE * LOGINS_EACH });
}, 120_000);
