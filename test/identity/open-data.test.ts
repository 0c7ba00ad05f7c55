import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IdentityError } from "../../src/identity/errors.ts";
import {
  decryptOpenData,
  hasValidSignature,
  type OpenDataInput,
  sessionKeySignature,
} from "../../src/identity/open-data.ts";

// The vectors of WeChat's own documentation and samples.
const WATERMARK = { timestamp: 1_477_314_187, appid: "wx4f4bc4dec97d474b" };
const VECTOR: OpenDataInput = {
  sessionKey: "tiihtNczf5v6AKRyjwEUhQ==",
  iv: "r7BXXKkLb8qrSNn05n0qiA==",
  appId: WATERMARK.appid,
  nowMs: WATERMARK.timestamp * 1_000 + 1_000,
  maxAgeMs: 600_000,
  encryptedData:
    "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNP" +
    "dbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyx" +
    "VLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid" +
    "1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEB" +
    "vB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVu" +
    "nYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==",
};
const PERSON = {
  openId: "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
  nickName: "Band",
  gender: 1,
  language: "zh_CN",
  city: "Guangzhou",
  province: "Guangdong",
  country: "CN",
  avatarUrl:
    "http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2AHWr8MHM4WgMEm7GFhsf8OYrySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0",
  unionId: "ocMvos6NjeKLIBqg5Mr9QjxrP1FA",
  watermark: WATERMARK,
};
const SECRETS = [
  ...Object.values(PERSON).filter((it) => typeof it === "string" && it.length >= 4),
  VECTOR.sessionKey,
  "openId",
  "nickName",
];

function encrypt(plain: string | Buffer, sessionKey = VECTOR.sessionKey): string {
  const key = Buffer.from(sessionKey, "base64");
  const cipher = createCipheriv("aes-128-cbc", key, Buffer.from(VECTOR.iv, "base64"));
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString("base64");
}

function refusal(change: Partial<OpenDataInput>): IdentityError {
  try {
    decryptOpenData({ ...VECTOR, ...change });
  } catch (error) {
    expect(error).toBeInstanceOf(IdentityError);
    return error as IdentityError;
  }
  throw new Error("it was not refused");
}

/** Nothing of the person or the key in what may be logged. */
function expectNoPlainText(error: IdentityError): void {
  expect(error.cause).toBeUndefined();
  const text = `${error.message} ${error.stack} ${JSON.stringify(error)}`;
  for (const secret of SECRETS) expect(text).not.toContain(secret);
}

describe("decryptOpenData", () => {
  it("opens WeChat's own example", () => {
    expect(decryptOpenData(VECTOR)).toEqual(PERSON);
  });

  it.each([
    ["at its greatest age", 600_000],
    ["from a clock that is 5 minutes ahead", -300_000],
  ])("takes what is %s", (_, ageMs) => {
    const nowMs = WATERMARK.timestamp * 1_000 + ageMs;
    expect(decryptOpenData({ ...VECTOR, nowMs })).toEqual(PERSON);
  });

  it("takes 64 KiB", () => {
    const frame = JSON.stringify({ watermark: WATERMARK, pad: "" }).length;
    const pad = "x".repeat(65_535 - frame);
    const encryptedData = encrypt(JSON.stringify({ watermark: WATERMARK, pad }));
    expect(Buffer.from(encryptedData, "base64")).toHaveLength(65_536);
    expect(decryptOpenData({ ...VECTOR, encryptedData })).toMatchObject({ pad });
  });

  const data = VECTOR.encryptedData;
  it.each<[string, string, "encrypted_data" | "iv"]>([
    ["nothing", "", "encrypted_data"],
    ["a space for a plus", data.replace("+", " "), "encrypted_data"],
    ["base64 cut short", data.slice(0, -1), "encrypted_data"],
    ["base64url", data.replaceAll("+", "-").replaceAll("/", "_"), "encrypted_data"],
    ["a line break", `${data.slice(0, 76)}\n${data.slice(76)}`, "encrypted_data"],
    ["more after the padding", `${data}AAAA`, "encrypted_data"],
    ["bits under the padding", data.replace(/w==$/, "x=="), "encrypted_data"],
    ["no base64", "名字", "encrypted_data"],
    ["no whole block", Buffer.alloc(15).toString("base64"), "encrypted_data"],
    ["more than 64 KiB", Buffer.alloc(65_552).toString("base64"), "encrypted_data"],
    ["megabytes", "A".repeat(8_000_000), "encrypted_data"],
    ["nothing", "", "iv"],
    ["a space for a plus", "r7BXXKkLb8qrSNn 5n0qiA==", "iv"],
    ["15 bytes", Buffer.alloc(15).toString("base64"), "iv"],
    ["17 bytes", Buffer.alloc(17).toString("base64"), "iv"],
    ["no padding", VECTOR.iv.slice(0, -2), "iv"],
  ])("refuses %s (%#)", (_, text, field) => {
    const change = field === "iv" ? { iv: text } : { encryptedData: text };
    const error = refusal(change);
    expect(error).toMatchObject({ reason: "DATA_REJECTED", field });
    if (text.includes(" ")) expect(error.message).toContain("a space");
    expectNoPlainText(error);
  });

  it.each<[string, unknown]>([
    ["none", undefined],
    ["null", null],
    ["a list", [WATERMARK]],
    ["another app's", { ...WATERMARK, appid: "wx0000000000000000" }],
    ["no appid", { timestamp: WATERMARK.timestamp }],
    ["an appid that is a list", { ...WATERMARK, appid: [WATERMARK.appid] }],
    ["no timestamp", { appid: WATERMARK.appid }],
    ["a timestamp in text", { ...WATERMARK, timestamp: String(WATERMARK.timestamp) }],
    ["half a second", { ...WATERMARK, timestamp: WATERMARK.timestamp + 0.5 }],
    ["too old", { ...WATERMARK, timestamp: WATERMARK.timestamp - 600 }],
    ["of the future", { ...WATERMARK, timestamp: WATERMARK.timestamp + 302 }],
    ["in milliseconds", { ...WATERMARK, timestamp: WATERMARK.timestamp * 1_000 }],
    ["of the deep past", { ...WATERMARK, timestamp: -Number.MAX_SAFE_INTEGER }],
  ])("refuses a watermark that is %s", (_, watermark) => {
    const error = refusal({ encryptedData: encrypt(JSON.stringify({ ...PERSON, watermark })) });
    expect(error).toMatchObject({ reason: "DATA_REJECTED", field: "encrypted_data" });
    expectNoPlainText(error);
  });

  it.each<[string, Partial<OpenDataInput>]>([
    ["another key", { sessionKey: "HyVFkGl5F5OQWJZZaNzBBg==" }],
    ["a key that is none", { sessionKey: "AAAA" }],
    ["no key", { sessionKey: "" }],
    ["what unpads to no UTF-8", { encryptedData: encrypt(Buffer.from("7b22ff227d", "hex")) }],
    ["what unpads to no JSON", { encryptedData: encrypt(`${JSON.stringify(PERSON)},`) }],
    ["what unpads to nothing", { encryptedData: encrypt("") }],
    ["a list", { encryptedData: encrypt(JSON.stringify([PERSON])) }],
    ["a number", { encryptedData: encrypt("7") }],
    ["null", { encryptedData: encrypt("null") }],
    ["65,000 brackets", { encryptedData: encrypt("[".repeat(65_000)) }],
  ])("asks for a new login after %s", (_, change) => {
    const error = refusal(change);
    expect(error.reason).toBe("SESSION_KEY_STALE");
    expect(error.message).toBe("encrypted under another session_key");
    expectNoPlainText(error);
  });

  it("opens under none of 10,000 wrong keys, of which some unpad by chance", () => {
    const encrypted = Buffer.from(VECTOR.encryptedData, "base64");
    const iv = Buffer.from(VECTOR.iv, "base64");
    let unpadded = 0;
    const keys = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(keys, (key) => {
        const decipher = createDecipheriv("aes-128-cbc", key, iv);
        decipher.update(encrypted);
        try {
          decipher.final();
          unpadded++;
        } catch {}
        const error = refusal({ sessionKey: Buffer.from(key).toString("base64") });
        expect(error.reason).toBe("SESSION_KEY_STALE");
        expect(error.cause).toBeUndefined();
      }),
      { numRuns: 10_000 },
    );
    expect(unpadded).toBeGreaterThan(5);
  });

  it("opens nothing that was altered, and tells nothing of it", () => {
    const encrypted = Buffer.from(VECTOR.encryptedData, "base64");
    const changes = fc.tuple(fc.nat(encrypted.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(changes, ([at, difference]) => {
        const altered = Buffer.from(encrypted);
        altered[at] = (altered[at] ?? 0) ^ difference;
        const error = refusal({ encryptedData: altered.toString("base64") });
        expect(["SESSION_KEY_STALE", "DATA_REJECTED"]).toContain(error.reason);
        expectNoPlainText(error);
      }),
      // CBC has no integrity: about one altered block in 300,000 is text again, so the choice is fixed.
      { numRuns: 2_000, seed: 1 },
    );
  });

  it("opens nothing that somebody made up", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.base64String(),
      fc.uint8Array({ maxLength: 96 }).map((it) => Buffer.from(it).toString("base64")),
    );
    fc.assert(
      fc.property(text, text, text, (encryptedData, iv, sessionKey) => {
        expectNoPlainText(refusal({ encryptedData, iv, sessionKey }));
        expectNoPlainText(refusal({ encryptedData }));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("hasValidSignature", () => {
  const signed = {
    sessionKey: "HyVFkGl5F5OQWJZZaNzBBg==",
    rawData:
      '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}',
    signature: "75e81ceda165f4ffa64f4068af58c64b8f54b88c",
  };

  it("takes WeChat's own example", () => {
    expect(hasValidSignature(signed)).toBe(true);
  });

  it.each([
    ["another text", { rawData: `${signed.rawData} ` }],
    ["another key", { sessionKey: VECTOR.sessionKey }],
    ["another signature", { signature: signed.signature.replace(/c$/, "d") }],
    ["upper case", { signature: signed.signature.toUpperCase() }],
    ["a short one", { signature: signed.signature.slice(0, -2) }],
    ["a long one", { signature: `${signed.signature}00` }],
    ["a line break", { signature: `${signed.signature}\n` }],
    ["nothing", { signature: "" }],
    ["no hex", { signature: "名".repeat(40) }],
  ])("refuses %s", (_, change) => {
    expect(hasValidSignature({ ...signed, ...change })).toBe(false);
  });
});

it.each([
  ["o0q0otL8aEzpcZL/FT9WsQ==", "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"],
  [VECTOR.sessionKey, "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735"],
])("signs with the session_key %s as its text", (sessionKey, signature) => {
  expect(sessionKeySignature(sessionKey)).toBe(signature);
});

it("signs otherwise for each key", () => {
  const key = randomBytes(16).toString("base64");
  expect(sessionKeySignature(key)).not.toBe(sessionKeySignature(VECTOR.sessionKey));
});
