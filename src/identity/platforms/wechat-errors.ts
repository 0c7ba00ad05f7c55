import type { Reason } from "../errors.ts";

interface ErrcodeMeaning {
  reason: Reason;
  /** In English, for developers; never WeChat's own text. */
  message: string;
  retryAfterMs?: number;
}

/** What each errcode of jscode2session means here; one that is not listed is a bad response. */
export const ERRCODES: ReadonlyMap<number, ErrcodeMeaning> = new Map<number, ErrcodeMeaning>([
  [-1, { reason: "UPSTREAM_BUSY", message: "WeChat is busy", retryAfterMs: 1_000 }],
  [40029, { reason: "LOGIN_CODE_INVALID", message: "WeChat does not know this code" }],
  [40163, { reason: "LOGIN_CODE_USED", message: "the code was used before" }],
  [40226, { reason: "LOGIN_RISK_BLOCKED", message: "WeChat blocks this person's login" }],
  [50002, { reason: "LOGIN_RISK_BLOCKED", message: "WeChat limits this person or app" }],
  [45011, { reason: "UPSTREAM_QUOTA", message: "WeChat's quota is used up", retryAfterMs: 60_000 }],
  [40013, misconfigured("the app id is not valid")],
  [40125, misconfigured("the AppSecret is not valid")],
  [40164, misconfigured("this machine's address is not in the allow-list")],
  [40243, misconfigured("the AppSecret is frozen")],
  [41002, misconfigured("the app id was missing")],
  [41004, misconfigured("the AppSecret was missing")],
]);

function misconfigured(what: string): ErrcodeMeaning {
  return { reason: "APP_MISCONFIGURED", message: `WeChat refuses this mini program: ${what}` };
}

/** WeChat's own words, for the log. */
export class WechatError extends Error {
  override readonly name = "WechatError";
  /** `ERRCODE` or `ERRCODE rid RID`. */
  readonly code: string;
  readonly errcode: number;

  constructor(errcode: number, rid: string | undefined) {
    super("WeChat answered an errcode");
    this.errcode = errcode;
    this.code = rid ? `${errcode} rid ${rid}` : String(errcode);
  }
}

/** The errcode behind an error, if there is one. */
export function errcodeOf(error: unknown): number | undefined {
  const { cause } = error as Error;
  return cause instanceof WechatError ? cause.errcode : undefined;
}
