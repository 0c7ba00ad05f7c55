import { createCipheriv, createHash, randomBytes } from "node:crypto";

/** What a mini program's client gets with `wx.getUserInfo` and the like. */
export interface OpenData {
  /** Base64, as is `iv`. */
  encryptedData: string;
  iv: string;
  /** The data as text, without what only the encrypted form tells: openId, unionId, watermark. */
  rawData: string;
  /** Of rawData: hex SHA-1 of it and the session_key. */
  signature: string;
}

interface Watermark {
  /** Seconds. */
  timestamp: number;
  appid: string;
}

/** Encrypts data and watermark by AES-128-CBC with PKCS #7, as WeChat does. */
export function encryptOpenData(
  data: Record<string, unknown>,
  { timestamp, appid }: Watermark,
  sessionKey: string,
  iv = randomBytes(16),
): OpenData {
  const cipher = createCipheriv("aes-128-cbc", Buffer.from(sessionKey, "base64"), iv);
  const plain = JSON.stringify({ ...data, watermark: { timestamp, appid } });
  const { openId: _, unionId: __, ...open } = data;
  const rawData = JSON.stringify(open);
  return {
    encryptedData: cipher.update(plain, "utf8", "base64") + cipher.final("base64"),
    iv: iv.toString("base64"),
    rawData,
    signature: createHash("sha1")
      .update(rawData + sessionKey)
      .digest("hex"),
  };
}
