import { clientError, hasReason } from "./errors";
import { DEFAULT_TIMEOUT_MS, type Send } from "./http";
import { fromReply, type Tokens } from "./token-store";
import type { IdentityOptions } from "./types";

/**
 * A lost refresh must be asked for again within the 10 s in which the service gives the same answer,
 * so its first try is not waited for longer than this.
 */
const REFRESH_TIMEOUT_MS = 4_000;

/** Trades a refresh token for the next tokens. */
export async function refreshTokens(
  options: IdentityOptions,
  send: Send,
  { refreshToken, refreshKey }: Tokens,
): Promise<Tokens> {
  const reply = await send({
    path: "/api/v1/auth/refresh",
    method: "POST",
    data: { refreshToken },
    idempotencyKey: refreshKey,
    timeoutMs: Math.min(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, REFRESH_TIMEOUT_MS),
  });
  const next = fromReply(reply);
  if (!next) throw clientError("BAD_RESPONSE", options.language ?? "zh-CN", { status: 200 });
  return next;
}

/** Ends the login of these tokens, as far as the service can be reached. */
export async function endLogin(
  options: IdentityOptions,
  send: Send,
  tokens: Tokens,
): Promise<void> {
  const logout = (token: string) => send({ path: "/api/v1/auth/logout", method: "POST", token });
  try {
    await logout(tokens.token).catch(async (error: unknown) => {
      // The login lives on without its access token: it takes a new one to end it.
      if (!hasReason(error, "TOKEN_EXPIRED")) throw error;
      await logout((await refreshTokens(options, send, tokens)).token);
    });
  } catch {
    // It ends by itself when nobody refreshes it.
  }
}
