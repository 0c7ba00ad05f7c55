import { clientError, hasReason } from "./errors";
import { createFlight } from "./flight";
import type { Send } from "./http";
import { type Login, logIn } from "./login";
import type { Platform } from "./platform";
import { endLogin, refreshTokens } from "./token-calls";
import { createTokenStore, type Tokens } from "./token-store";
import type { IdentityOptions, UserInfo } from "./types";

/** What the service says when only another login helps. */
const ENDED = [
  "TOKEN_REVOKED",
  "TOKEN_INVALID",
  "TOKEN_MISSING",
  "REFRESH_TOKEN_INVALID",
  "REFRESH_TOKEN_REUSED",
  // Of whom the token speaks: an operator has made one person of two.
  "USER_NOT_FOUND",
];

/** The login of this device: its tokens, and getting new ones. */
export interface DeviceLogin {
  readonly loggedIn: boolean;
  /** Joins the login that is under way, if there is one. */
  login(userInfo?: UserInfo): Promise<Login>;
  /** Does something with an access token, and once more with another when the service refuses it. */
  withToken<T>(work: (token: string) => Promise<T>): Promise<T>;
  /** Does something during which a silent login would do harm. */
  withoutSilentLogin<T>(work: () => Promise<T>): Promise<T>;
  /** Forgets the tokens and whatever is under way; what that brings is thrown away. */
  forget(): Tokens | undefined;
}

/** Reads, renews and forgets the tokens of this device. */
export function createDeviceLogin(
  options: IdentityOptions,
  platform: Platform,
  send: Send,
): DeviceLogin {
  const store = createTokenStore(platform, options.storageKey ?? "identity");
  const loginFlight = createFlight<Login>();
  const refreshFlight = createFlight<Tokens>();
  /** Grows with every logout, so that what began before can tell. */
  let generation = 0;
  let silentLoginsHeld = 0;

  const loggedOut = () => clientError("LOGGED_OUT", options.language ?? "zh-CN");

  const login = (userInfo?: UserInfo) =>
    loginFlight.join(async () => {
      const mine = generation;
      const isWanted = () => mine === generation;
      const done = await logIn(options, platform, send, userInfo, isWanted);
      if (!isWanted()) {
        void endLogin(options, send, done.tokens);
        throw loggedOut();
      }
      store.write(done.tokens);
      return done;
    });

  async function logInSilently(): Promise<Tokens> {
    if (!loginFlight.isUnderWay() && (store.loggedOut || silentLoginsHeld > 0)) throw loggedOut();
    return (await login()).tokens;
  }

  const refresh = (used: Tokens) =>
    refreshFlight.join(async () => {
      const isStored = () => store.read()?.refreshToken === used.refreshToken;
      try {
        const next = await refreshTokens(options, send, used);
        if (isStored()) store.write(next);
      } catch (error) {
        if (!hasReason(error, ...ENDED)) throw error;
        if (isStored()) store.clear();
      }
      // What is stored by now may also be of a login, or of another tab of the browser.
      return store.read() ?? logInSilently();
    });

  async function current(): Promise<Tokens> {
    const stored = store.read();
    if (!stored) return logInSilently();
    return Date.now() < stored.expiresAt ? stored : refresh(stored);
  }

  /** Other tokens after the service refused these with `error`; rejects with it where none help. */
  async function renew(refused: Tokens, error: unknown): Promise<Tokens> {
    if (!hasReason(error, "TOKEN_EXPIRED", ...ENDED)) throw error;
    const stored = store.read();
    // Another request was refused too, and faster.
    if (stored && stored.token !== refused.token) return stored;
    if (stored && hasReason(error, "TOKEN_EXPIRED")) return refresh(stored);
    if (stored) store.clear();
    return logInSilently();
  }

  return {
    get loggedIn() {
      return store.read() !== undefined;
    },
    login,
    async withToken(work) {
      const mine = generation;
      // After a logout the tokens may be somebody else's, whom this request is not of.
      const stillMine = (tokens: Tokens) => {
        if (mine !== generation) throw loggedOut();
        return tokens;
      };
      const tokens = stillMine(await current());
      try {
        return await work(tokens.token);
      } catch (error) {
        return work(stillMine(await renew(tokens, error)).token);
      }
    },
    async withoutSilentLogin(work) {
      silentLoginsHeld++;
      try {
        return await work();
      } finally {
        silentLoginsHeld--;
      }
    },
    forget() {
      const forgotten = store.read();
      generation++;
      loginFlight.leave();
      refreshFlight.leave();
      store.markLoggedOut();
      return forgotten;
    },
  };
}
