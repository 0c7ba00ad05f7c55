import { randomInt } from "node:crypto";

/** For how long WeChat takes a code, of a login and of the phone button alike. */
const CODE_TTL_MS = 5 * 60_000;
const MAX_CODES = 1_000_000;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

interface Code<T> {
  appId: string;
  /** Whom or what it stands for. */
  subject: T;
  expiresAtMs: number;
  used: boolean;
}

/** The codes of one kind, of all mini programs. */
export class Codes<T> {
  readonly #codes = new Map<string, Code<T>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  issue(appId: string, subject: T): string {
    this.#dropOld();
    const code = Array.from({ length: 32 }, () => LETTERS[randomInt(LETTERS.length)]).join("");
    const expiresAtMs = this.#now() + CODE_TTL_MS;
    this.#codes.set(code, { appId, subject, expiresAtMs, used: false });
    return code;
  }

  /** The code as issued, used or not, until it expires. */
  find(code: string): Code<T> | undefined {
    const found = this.#codes.get(code);
    return found && found.expiresAtMs > this.#now() ? found : undefined;
  }

  #dropOld(): void {
    // A Map keeps the order of insertion, so the oldest come first.
    for (const [code, { expiresAtMs }] of this.#codes) {
      if (expiresAtMs > this.#now() && this.#codes.size < MAX_CODES) return;
      this.#codes.delete(code);
    }
  }
}
