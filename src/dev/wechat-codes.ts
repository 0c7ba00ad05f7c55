import { createHash, randomBytes, randomInt } from "node:crypto";

/** For how long WeChat takes a login code. */
const CODE_TTL_MS = 5 * 60_000;
const MAX_CODES = 1_000_000;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

interface LoginCode {
  appId: string;
  person: string;
  expiresAtMs: number;
  used: boolean;
}

/** The login codes of all mini programs, as `wx.login` gives them out. */
export class LoginCodes {
  readonly #codes = new Map<string, LoginCode>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  issue(appId: string, person: string): string {
    this.#dropOld();
    const code = Array.from({ length: 32 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
    const expiresAtMs = this.#now() + CODE_TTL_MS;
    this.#codes.set(code, { appId, person, expiresAtMs, used: false });
    return code;
  }

  /** The code as issued, or the errcode that refuses it. */
  find(code: string, appId: string): LoginCode | 40029 | 40163 {
    const found = this.#codes.get(code);
    if (!found || found.appId !== appId || found.expiresAtMs <= this.#now()) return 40029;
    return found.used ? 40163 : found;
  }

  #dropOld(): void {
    // A Map keeps the order of insertion, so the oldest come first.
    for (const [code, { expiresAtMs }] of this.#codes) {
      if (expiresAtMs > this.#now() && this.#codes.size < MAX_CODES) return;
      this.#codes.delete(code);
    }
  }
}

/** 28 characters that stay the same for one person in one mini program. */
export function toOpenid(appId: string, person: string): string {
  return `o${digest("openid", appId, person).slice(0, 27)}`;
}

/** 28 characters that stay the same for one person in one Open Platform account. */
export function toUnionid(unionScope: string, person: string): string {
  return `o${digest("unionid", unionScope, person).slice(0, 27)}`;
}

/** A new one each time, as WeChat may do at any login. */
export function createSessionKey(): string {
  return randomBytes(16).toString("base64");
}

function digest(...parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
