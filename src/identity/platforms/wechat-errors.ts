import { IdentityError, type Reason } from "../errors.ts";

interface ErrcodeMeaning {
  reason: Reason;
  /** In English, for developers; never WeChat's own text. */
  message: string;
  retryAfterMs?: number;
}

/** What each errcode means here; one that is not listed is a bad response. */
const ERRCODES: ReadonlyMap<number, ErrcodeMeaning> = new Map<number, ErrcodeMeaning>([
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
  [89503, misconfigured("this machine's address waits for an administrator's yes")],
  [89506, misconfigured("this machine's address was refused by an administrator")],
  [89507, misconfigured("this machine's address was refused by an administrator for an hour")],
  [87009, { reason: "SESSION_KEY_STALE", message: "WeChat knows another session_key" }],
  // Healed by another token; this is for when that did not help.
  [40001, { reason: "UPSTREAM_BUSY", message: "WeChat refuses its token", retryAfterMs: 1_000 }],
  [40014, { reason: "UPSTREAM_BUSY", message: "WeChat refuses its token", retryAfterMs: 1_000 }],
  [42001, { reason: "UPSTREAM_BUSY", message: "WeChat refuses its token", retryAfterMs: 1_000 }],
]);

function misconfigured(what: string): ErrcodeMeaning {
  return { reason: "APP_MISCONFIGURED", message: `WeChat refuses this mini program: ${what}` };
}

/** WeChat's own words, for the log. */
class WechatError extends Error {
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

export function ofErrcode(errcode: unknown, errmsg: unknown): IdentityError {
  const meaning = ERRCODES.get(Number(errcode));
  // WeChat's support asks for the rid; the rest of errmsg may hold our address or worse.
  const rid = /rid: ([0-9a-f-]{8,40})/.exec(String(errmsg))?.[1];
  const cause = new WechatError(Number(errcode), rid);
  if (!meaning) return badResponse("an unknown errcode", cause);
  const { reason, message, retryAfterMs } = meaning;
  return new IdentityError(reason, message, { cause, ...(retryAfterMs ? { retryAfterMs } : {}) });
}

export function busy(cause: unknown): IdentityError {
  const message = "WeChat does not answer";
  return new IdentityError("UPSTREAM_BUSY", message, { retryAfterMs: 1_000, cause });
}

export function badResponse(what: string, cause: Error = new Error(what)): IdentityError {
  const message = "WeChat's reply makes no sense";
  return new IdentityError("UPSTREAM_BAD_RESPONSE", message, { cause });
}
