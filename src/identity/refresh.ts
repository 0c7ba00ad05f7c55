import { IdentityError } from "./errors.ts";
import type { MiniApps } from "./mini-apps.ts";
import type { RefreshTokens } from "./refresh-tokens.ts";
import type { LoginSessionStore } from "./store/login-sessions.ts";
import type { IssuedToken, Tokens } from "./tokens.ts";

export interface RefreshDeps {
  miniApps: MiniApps;
  loginSessions: LoginSessionStore;
  refreshTokens: RefreshTokens;
  tokens: Tokens;
}

export interface RefreshInput {
  refreshToken: string;
  idempotencyKey: string | undefined;
  /** When not empty, the mini program that the token has to be of. */
  appId: string;
}

export interface Refreshed {
  token: IssuedToken;
  refreshToken: string;
}

/** Trades a refresh token for an access token and its successor. */
export async function refresh(
  { miniApps, loginSessions, refreshTokens, tokens }: RefreshDeps,
  { refreshToken, idempotencyKey, appId }: RefreshInput,
): Promise<Refreshed> {
  const presented = refreshTokens.parse(refreshToken);
  if (!presented) throw refused("REFRESH_TOKEN_INVALID");
  const successor = refreshTokens.after(presented, idempotencyKey);
  const appIds = appId ? [miniApps.find(appId).appId] : miniApps.ids();
  const rotation = await loginSessions.rotate(presented, successor, appIds);
  switch (rotation.state) {
    case "rotated": {
      const { loginSessionId } = presented;
      const token = tokens.issue({ ...rotation, loginSessionId });
      return { token, refreshToken: successor.text };
    }
    case "disabled":
      throw new IdentityError("USER_DISABLED", "the user is disabled");
    case "reused":
      throw refused("REFRESH_TOKEN_REUSED");
    case "invalid":
      throw refused("REFRESH_TOKEN_INVALID");
  }
}

function refused(reason: "REFRESH_TOKEN_INVALID" | "REFRESH_TOKEN_REUSED"): IdentityError {
  const why = {
    REFRESH_TOKEN_INVALID: "the refresh token is not valid (any more)",
    REFRESH_TOKEN_REUSED: "the refresh token was used before; its login was ended",
  };
  return new IdentityError(reason, why[reason], { field: "refresh_token" });
}
