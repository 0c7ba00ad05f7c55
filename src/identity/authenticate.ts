import { IdentityError } from "./errors.ts";
import type { LoginSessionStore } from "./store/login-sessions.ts";
import type { User } from "./store/users.ts";
import type { Subject, Tokens } from "./tokens.ts";

export interface AuthenticateDeps {
  tokens: Tokens;
  loginSessions: LoginSessionStore;
}

/** Who a token speaks for, and the person as stored now. */
export interface Principal extends Subject {
  user: User;
}

/**
 * Whom an access token speaks for now. The token alone cannot tell that its login has ended or that
 * its person was disabled: the database does, at each call.
 */
export async function authenticate(
  { tokens, loginSessions }: AuthenticateDeps,
  accessToken: string,
): Promise<Principal> {
  const subject = await tokens.verify(accessToken);
  const found = await loginSessions.find(subject.loginSessionId, subject.userId);
  if (!found) throw new IdentityError("USER_NOT_FOUND", "the user does not exist");
  if (found.user.disabled) throw new IdentityError("USER_DISABLED", "the user is disabled");
  if (!found.isAlive) throw new IdentityError("TOKEN_REVOKED", "the login has ended");
  return { ...subject, user: found.user };
}
