import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IdentityError } from "../../src/identity/errors.ts";
import { checkAvatarUrl, checkNickname } from "../../src/identity/profile-rules.ts";

describe("nickname", () => {
  it.each([
    ["  小明 ", "小明"],
    ["e\u0301", "é"],
    ["a b", "a b"],
    ["👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"],
    ["🇨🇳🇫🇷", "🇨🇳🇫🇷"],
    ["x".repeat(32), "x".repeat(32)],
    ["微信用户", ""],
    [" 微信用户 ", ""],
  ])("takes %j as %j", (value, kept) => {
    expect(checkNickname(value)).toBe(kept);
  });

  it.each([
    " ",
    "\u200B\u200B",
    "\u3164",
    "\u2800",
    "a\u0000",
    "a\nb",
    "a\u007F",
    "a\u0085b",
    "\u202Eevil",
    "a\u2066b",
    "a\u200Fb",
    "\uD800",
    "x".repeat(33),
    "👨‍👩‍👧‍👦".repeat(6),
    "x".repeat(1_000_000),
    `a${"\u0301".repeat(100)}`,
  ])("refuses %j", (value) => {
    expect(() => checkNickname(value)).toThrow(IdentityError);
  });

  it("keeps nothing that its own rule would refuse or change", () => {
    const texts = fc.string({ unit: "binary", maxLength: 40 });
    fc.assert(
      fc.property(texts, (value) => {
        const kept = check(() => checkNickname(value));
        if (!kept) return;
        expect(checkNickname(kept)).toBe(kept);
        expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(128);
        expect(kept).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("avatar", () => {
  it.each([
    "https://thirdwx.qlogo.cn/mmopen/vi_32/abc/132",
    "https://img.example.com:8443/a.png?x=1#y",
    "HTTPS://Img.Example.com/a",
    `https://img.example.com/${"a".repeat(476)}`,
  ])("takes %s", (value) => {
    expect(checkAvatarUrl(value)).toBe(value);
  });

  it.each([
    "http://img.example.com/a",
    "//img.example.com/a",
    "javascript:alert(1)",
    "data:image/png;base64,AAAA",
    "https://user@img.example.com/a",
    "https://user:pass@img.example.com/a",
    "https://@img.example.com/a",
    "https://127.0.0.1/a",
    "https://2130706433/a",
    "https://0x7f.1/a",
    "https://[::1]/a",
    "https://localhost/a",
    "https://localhost./a",
    "https://printer.local/a",
    "https://db.internal/a",
    "https://intranet/a",
    "https://img.example.com\\@e.vil/a",
    "https://img.example.com/a b",
    "https://img.example.com/a\n",
    "\thttps://img.example.com/a",
    "https://img.example.com/图",
    "https://",
    `https://img.example.com/${"a".repeat(477)}`,
  ])("refuses %j", (value) => {
    expect(() => checkAvatarUrl(value)).toThrow(IdentityError);
  });

  it("gives only IdentityError, whatever it is given", () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.string()), (value) => {
        const kept = check(() => checkAvatarUrl(value));
        if (kept) expect(new URL(kept).protocol).toBe("https:");
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Undefined for a refusal; any other error is thrown on. */
function check(rule: () => string): string | undefined {
  try {
    return rule();
  } catch (error) {
    if (error instanceof IdentityError) return undefined;
    throw error;
  }
}
