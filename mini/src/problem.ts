import { IdentityError } from "./identity/index";

/** What went wrong, for the person holding the phone. */
export interface Problem {
  text: string;
  /** For whoever is asked for help. */
  requestId?: string;
}

/** The service's own words where it has said something; WeChat and the browser speak of errMsg or message. */
export function toProblem(error: unknown): Problem {
  if (error instanceof IdentityError) {
    const { message: text, requestId } = error;
    return requestId ? { text, requestId } : { text };
  }
  const { errMsg, message } = (error ?? {}) as { errMsg?: string; message?: string };
  return { text: `出错了：${errMsg || message || String(error)}` };
}

/** Whether a person closed WeChat's own dialog: no fault, and nothing to tell. */
export function isCancelled(error: unknown): boolean {
  const { errMsg = "" } = (error ?? {}) as { errMsg?: string };
  return /:fail (cancel|user deny|user cancel)/.test(errMsg);
}
