import { IdentityError, type Reason } from "../errors.ts";

interface ErrcodeMeaning {
  reason: Reason;
  /** In English, for developers; never WeChat's own text. */
  message: string;
  retryAfterMs?: number;
  /** For the operator. */
  toDo?: string;
}

/** The one errcode that is asked again by itself: the code is not spent. */
export const SYSTEM_BUSY = -1;

const ALLOW_LIST = "add the address to the IP allow-list in the console";
const CONFIRM = "have an administrator of the mini program confirm the address";

/** What each errcode means here; one that is not listed is a bad response. */
const ERRCODES: ReadonlyMap<number, ErrcodeMeaning> = new Map<number, ErrcodeMeaning>([
  [SYSTEM_BUSY, { reason: "UPSTREAM_BUSY", message: "WeChat is busy", retryAfterMs: 1_000 }],
  [40029, { reason: "LOGIN_CODE_INVALID", message: "WeChat does not know this code" }],
  [40163, { reason: "LOGIN_CODE_USED", message: "the code was used before" }],
  [40226, { reason: "LOGIN_RISK_BLOCKED", message: "WeChat blocks this person's login" }],
  [50002, { reason: "LOGIN_RISK_BLOCKED", message: "WeChat limits this person or app" }],
  [45011, { reason: "UPSTREAM_QUOTA", message: "WeChat's quota is used up", retryAfterMs: 60_000 }],
  [87007, { reason: "SESSION_KEY_STALE", message: "WeChat has let the session_key expire" }],
  [87009, { reason: "SESSION_KEY_STALE", message: "WeChat knows another session_key" }],
  // Wrong grant_type, no openid, no code, no such signature: ours to get right.
  ...[40002, 40003, 41008, 47001, 87008].map((errcode): [number, ErrcodeMeaning] => {
    return [errcode, { reason: "INTERNAL", message: "something went wrong on our side" }];
  }),
  // Healed by another token; this is for when that did not help.
  ...[40001, 40014, 42001].map((errcode): [number, ErrcodeMeaning] => {
    const message = "WeChat refuses its token";
    return [errcode, { reason: "UPSTREAM_BUSY", message, retryAfterMs: 1_000 }];
  }),
  [40013, misconfigured("the app id is not valid", "compare the app id with the console's")],
  [40125, misconfigured("the AppSecret is not valid", "configure the AppSecret of the console")],
  [40164, misconfigured("this machine's address is not allowed", ALLOW_LIST)],
  [40243, misconfigured("the AppSecret is frozen", "unfreeze it in the console")],
  [41002, misconfigured("the app id was missing", "configure the app id")],
  [41004, misconfigured("the AppSecret was missing", "configure the AppSecret")],
  [89503, misconfigured("this machine's address waits for a yes", CONFIRM)],
  [89506, misconfigured("this machine's address was refused", CONFIRM)],
  [89507, misconfigured("this machine's address was refused for an hour", CONFIRM)],
]);

function misconfigured(what: string, toDo: string): ErrcodeMeaning {
  const message = `WeChat refuses this mini program: ${what}`;
  return { reason: "APP_MISCONFIGURED", message, toDo };
}

/** WeChat's own words, for the log. */
class WechatError extends Error {
  override readonly name = "WechatError";
  /** `ERRCODE` or `ERRCODE rid RID`. */
  readonly code: string;
  readonly errcode: number;
  readonly toDo: string | undefined;

  constructor(errcode: number, rid: string | undefined, toDo: string | undefined) {
    super("WeChat answered an errcode");
    this.errcode = errcode;
    this.toDo = toDo;
    this.code = rid ? `${errcode} rid ${rid}` : String(errcode);
  }
}

/** The errcode behind an error, if there is one. */
export function errcodeOf(error: unknown): number | undefined {
  const { cause } = error as Error;
  return cause instanceof WechatError ? cause.errcode : undefined;
}

export function ofErrcode(errcode: unknown, errmsg: unknown): IdentityError {
  if (typeof errcode !== "number") return badResponse("the errcode is no number");
  const meaning = ERRCODES.get(errcode);
  // WeChat's support asks for the rid; the rest of errmsg may hold our address or worse.
  const rid = /(?:rid|req_id): ?([\w-]{8,40})/.exec(String(errmsg))?.[1];
  const cause = new WechatError(errcode, rid, meaning?.toDo);
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
