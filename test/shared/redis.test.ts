import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { UnsealError } from "../../src/identity/secrets.ts";
import { type Attempt, tolerantly } from "../../src/redis.ts";

let attempt: Attempt;
let errors: Error[];
let asked: number;
beforeEach(() => {
  // Only what time it is.
  vi.useFakeTimers({ toFake: ["Date"] });
  errors = [];
  asked = 0;
  attempt = tolerantly((error) => errors.push(error), 60_000);
});
afterEach(() => {
  vi.useRealTimers();
});

const ask = (outcome: () => Promise<string>) =>
  attempt(async () => {
    asked++;
    return outcome();
  }, "fallback");
const good = async () => "value";
const broken = () => Promise.reject(new Error("Command timed out"));

it("leaves Redis alone for a second after five failures in a row, and then sends one ahead", async () => {
  for (let i = 0; i < 20; i++) expect(await ask(broken)).toBe("fallback");
  expect([asked, errors.length]).toEqual([5, 5]);
  vi.setSystemTime(Date.now() + 1_000);
  const { promise, resolve } = Promise.withResolvers<string>();
  const all = Array.from({ length: 10 }, () => ask(() => promise));
  expect(asked).toBe(6);
  expect(await Promise.all(all.slice(1))).toEqual(Array(9).fill("fallback"));
  resolve("back");
  expect(await all[0]).toBe("back");
  expect(await ask(good)).toBe("value");
});

it("stays away for another second when the one fails", async () => {
  for (let i = 0; i < 5; i++) await ask(broken);
  vi.setSystemTime(Date.now() + 1_000);
  await ask(broken);
  expect(await ask(good)).toBe("fallback");
  expect(asked).toBe(6);
});

it("counts neither failures between successes nor values that do not open", async () => {
  for (let i = 0; i < 20; i++) await ask(i % 5 === 4 ? good : broken);
  for (let i = 0; i < 20; i++) await ask(() => Promise.reject(new UnsealError("another key")));
  expect(await ask(good)).toBe("value");
  expect(asked).toBe(41);
});
