import type { Principal } from "./authenticate.ts";
import { IdentityError } from "./errors.ts";
import { isLoginSessionId } from "./ids.ts";
import type { LoginSession, LoginSessionStore } from "./store/login-sessions.ts";

export interface LoginSessionDeps {
  loginSessions: LoginSessionStore;
}

/** Ends the login that the call's token is of. */
export async function logOut({ loginSessions }: LoginSessionDeps, who: Principal): Promise<void> {
  await loginSessions.end(who.loginSessionId, who.userId);
}

/** The person's own logins that have not ended, the latest first. */
export async function listLoginSessions(
  { loginSessions }: LoginSessionDeps,
  who: Principal,
): Promise<(LoginSession & { isCurrent: boolean })[]> {
  const sessions = await loginSessions.list(who.userId);
  return sessions.map((one) => ({ ...one, isCurrent: one.id === who.loginSessionId }));
}

/** Ends one of the person's own logins; again does no harm. */
export async function revokeLoginSession(
  { loginSessions }: LoginSessionDeps,
  who: Principal,
  id: string,
): Promise<void> {
  if (isLoginSessionId(id) && (await loginSessions.end(id, who.userId))) return;
  throw new IdentityError("INVALID_FIELD", "session_id is none of the person's logins", {
    field: "session_id",
  });
}
