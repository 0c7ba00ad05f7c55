import { createDecipheriv, createHash, createHmac, timingSafeEqual } from "node:crypto";
import { IdentityError } from "./errors.ts";

const BLOCK_BYTES = 16;
const MAX_ENCRYPTED_BYTES = 64 * 1024;
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

export interface OpenDataInput {
  /** base64 of 16 bytes, as jscode2session gave it. */
  sessionKey: string;
  /** base64, as the mini program got it. */
  encryptedData: string;
  iv: string;
  /** The mini program that the data must be for. */
  appId: string;
  nowMs: number;
  maxAgeMs: number;
}

/**
 * Opens the user data that WeChat encrypted for a mini program: AES-128-CBC, a JSON object with a
 * watermark. DATA_REJECTED when it cannot be such data, SESSION_KEY_STALE when another key would
 * be needed. CBC has no integrity: who may alter the iv can alter the first 16 bytes unseen.
 * https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html
 */
export function decryptOpenData(input: OpenDataInput): Record<string, unknown> {
  const encrypted = decodeBase64(input.encryptedData, "encrypted_data", MAX_ENCRYPTED_BYTES);
  if (encrypted.length === 0 || encrypted.length % BLOCK_BYTES !== 0) {
    throw rejected("encrypted_data is no whole number of AES blocks", "encrypted_data");
  }
  const iv = decodeBase64(input.iv, "iv", BLOCK_BYTES);
  if (iv.length !== BLOCK_BYTES) throw rejected("iv is not 16 bytes long", "iv");
  const data = decryptObject(Buffer.from(input.sessionKey, "base64"), encrypted, iv);
  // One message for all that fails up to here: which step it was would be a padding oracle.
  if (!data) throw new IdentityError("SESSION_KEY_STALE", "encrypted under another session_key");
  checkWatermark(data.watermark, input);
  return data;
}

/** Whether `signature` is the lower-case hex sha1 of rawData followed by the session_key. */
export function hasValidSignature(input: {
  sessionKey: string;
  /** The very string that was signed. */
  rawData: string;
  signature: string;
}): boolean {
  if (!/^[0-9a-f]{40}$/.test(input.signature)) return false;
  const expected = createHash("sha1").update(input.rawData).update(input.sessionKey).digest();
  return timingSafeEqual(expected, Buffer.from(input.signature, "hex"));
}

/**
 * What checksession and resetusersessionkey take as proof of a session_key: hex HMAC-SHA256 over
 * the empty message. The key is the base64 text itself, not the bytes that it stands for.
 * https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_checksessionkey
 */
export function sessionKeySignature(sessionKey: string): string {
  return createHmac("sha256", sessionKey).update("").digest("hex");
}

/** Strict, because Node's decoder passes over what it does not know. */
function decodeBase64(text: string, field: "encrypted_data" | "iv", maxBytes: number): Buffer {
  if (text.length > Math.ceil(maxBytes / 3) * 4) throw rejected(`${field} is too long`, field);
  if (text.includes(" ")) {
    throw rejected(`${field} holds a space, as a + that was decoded like a form's`, field);
  }
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw rejected(`${field} is not base64`, field);
  return bytes;
}

/** Undefined when it does not open to an object. The errors are dropped: JSON.parse quotes the text. */
function decryptObject(
  key: Buffer,
  encrypted: Buffer,
  iv: Buffer,
): Record<string, unknown> | undefined {
  try {
    const decipher = createDecipheriv("aes-128-cbc", key, iv);
    const plain = Buffer.concat([decipher.update(encrypted), decipher.final()]);
    // One wrong key in 256 unpads by chance, so the text has to make sense too.
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function checkWatermark(
  watermark: unknown,
  { appId, nowMs, maxAgeMs }: Pick<OpenDataInput, "appId" | "nowMs" | "maxAgeMs">,
): void {
  const { appid, timestamp } = isObject(watermark) ? watermark : {};
  if (typeof appid !== "string" || !Number.isSafeInteger(timestamp)) {
    throw rejected("the data has no watermark", "encrypted_data");
  }
  if (appid !== appId) throw rejected("the data is another mini program's", "encrypted_data");
  const ageMs = nowMs - Number(timestamp) * 1_000;
  if (ageMs > maxAgeMs) throw rejected("the data is too old", "encrypted_data");
  if (ageMs < -MAX_CLOCK_SKEW_MS) throw rejected("the data is of the future", "encrypted_data");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function rejected(message: string, field: "encrypted_data" | "iv"): IdentityError {
  return new IdentityError("DATA_REJECTED", message, { field });
}
