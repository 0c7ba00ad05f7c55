import { createHash, timingSafeEqual } from "node:crypto";
import type { CallerConfig, Scope } from "../config.ts";
import { IdentityError } from "./errors.ts";

/** A service of the company that may call us. */
export interface Caller {
  name: string;
}

/** The services of RPC_CALLERS. */
export interface Callers {
  /** Rejects with CALLER_UNKNOWN, or CALLER_FORBIDDEN without the scope. */
  authenticate(secret: string | undefined, scope: Scope): Caller;
}

export function createCallers(config: readonly CallerConfig[]): Callers {
  return {
    authenticate(secret, scope) {
      const hash = createHash("sha256")
        .update(secret ?? "")
        .digest();
      // All of them, so that the time tells nothing of which one it was.
      const matches = config.filter(({ secretHash }) => timingSafeEqual(secretHash, hash));
      const [caller] = matches;
      if (!caller || !secret) {
        throw new IdentityError("CALLER_UNKNOWN", "the call carries no secret of a known caller");
      }
      if (!caller.scopes.includes(scope)) {
        throw new IdentityError("CALLER_FORBIDDEN", `the caller lacks the scope ${scope}`);
      }
      return { name: caller.name };
    },
  };
}
