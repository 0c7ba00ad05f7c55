import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { createSecrets } from "../../src/identity/secrets.ts";

const old = { kid: "old", key: randomBytes(32) };
const fresh = { kid: "fresh", key: randomBytes(32) };
const secrets = createSecrets([fresh, old]);

it("opens what it sealed, never twice the same", () => {
  const sealed = secrets.seal("secret 秘密", "place");
  expect(sealed).toMatch(/^fresh\./);
  expect(secrets.open(sealed, "place")).toBe("secret 秘密");
  expect(secrets.seal("secret 秘密", "place")).not.toBe(sealed);
});

it("opens what an older key sealed, but not without that key", () => {
  const sealed = createSecrets([old]).seal("secret", "place");
  expect(secrets.open(sealed, "place")).toBe("secret");
  expect(() => createSecrets([fresh]).open(sealed, "place")).toThrow("not configured");
});

it("does not open what was moved, damaged or cut", () => {
  const sealed = secrets.seal("secret", "place");
  expect(() => secrets.open(sealed, "another place")).toThrow();
  for (let i = "fresh.".length; i < sealed.length - 1; i++) {
    const letter = sealed[i] === "A" ? "B" : "A";
    expect(() =>
      secrets.open(sealed.slice(0, i) + letter + sealed.slice(i + 1), "place"),
    ).toThrow();
    expect(() => secrets.open(sealed.slice(0, i), "place")).toThrow();
  }
});
