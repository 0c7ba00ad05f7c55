import { setTimeout as sleep } from "node:timers/promises";
import { createExpiringMap } from "../expiring-map.ts";
import { IdentityError } from "./errors.ts";
import type { LoginCode } from "./ids.ts";
import type { MiniApp } from "./mini-apps.ts";
import type { Wechat, WechatSession } from "./platforms/wechat.ts";
import { errcodeOf } from "./platforms/wechat-errors.ts";
import type { RefreshToken, RefreshTokens } from "./refresh-tokens.ts";
import type { ExchangeStore } from "./store/exchanges.ts";

/** More than WeChat may take; whoever holds a claim for longer has died. */
const CLAIM_MS = 4_000;

const POLL_INTERVAL_MS = 50;

/** A code that WeChat does not take is not asked about again: it would only use up the quota. */
const REFUSED_MS = 60_000;
const MAX_REFUSED = 10_000;

/** The person behind a code, and what their login is to be known by. */
export interface Exchange extends WechatSession {
  /** When WeChat was asked. */
  exchangedAtMs: number;
  /** The first refresh token of the login, which it names too. */
  refreshToken: RefreshToken;
}

export interface ExchangeDeps {
  wechat: Wechat;
  exchanges: ExchangeStore;
  refreshTokens: RefreshTokens;
  now(): number;
  /** Told what was done about a code. */
  onOutcome?(outcome: ExchangeOutcome): void;
}

/** WeChat was asked; not, as it has just refused the code; an answer of before served. */
export type ExchangeOutcome = "asked" | "known as refused" | "kept" | "used under another key";

/**
 * Exchanges login codes. Under an idempotency key WeChat is asked once, whoever asks us how often and
 * wherever, and the answer serves again for a minute; without one it serves once, and nothing is kept
 * but that a code was refused.
 */
export interface Exchanger {
  exchange(
    app: MiniApp,
    code: LoginCode,
    idempotencyKey: string | undefined,
    signal: AbortSignal,
  ): Promise<Exchange>;
}

export function createExchanger(deps: ExchangeDeps): Exchanger {
  const ask = createAsk(deps);
  const flights = new Map<string, Promise<Exchange>>();
  return {
    exchange: async (app, code, idempotencyKey, signal) => {
      const name = `${app.appId} ${code} ${idempotencyKey ?? ""}`;
      const flying = flights.get(name);
      if (flying) {
        const exchange = await flying;
        if (idempotencyKey === undefined) throw used("the code is in use already");
        return exchange;
      }
      const flight =
        idempotencyKey === undefined
          ? ask(app, code, signal)
          : // Not ended by a caller who goes away: the code would be spent for nothing.
            askOnce(deps, ask, { app, code, idempotencyKey });
      flights.set(name, flight);
      return flight.finally(() => flights.delete(name));
    },
  };
}

type Ask = (app: MiniApp, code: LoginCode, signal: AbortSignal) => Promise<Exchange>;

/** Asks WeChat, but not about a code that it has just refused. */
function createAsk({ wechat, refreshTokens, now, onOutcome = () => {} }: ExchangeDeps): Ask {
  const bounds = { ttlMs: REFUSED_MS, maxSize: MAX_REFUSED, now };
  const refused = createExpiringMap<IdentityError>(bounds);
  return async (app, code, signal) => {
    const name = `${app.appId} ${code}`;
    const known = refused.get(name);
    onOutcome(known ? "known as refused" : "asked");
    if (known) throw new IdentityError(known.reason, known.message);
    const exchangedAtMs = now();
    try {
      const session = await wechat.codeToSession(app, code, signal);
      return { ...session, exchangedAtMs, refreshToken: refreshTokens.first() };
    } catch (error) {
      if (isOfCode(error)) refused.set(name, error);
      throw error;
    }
  };
}

/** Whether WeChat refused the code itself, which it will do again. */
function isOfCode(error: unknown): error is IdentityError {
  if (!(error instanceof IdentityError) || errcodeOf(error) === undefined) return false;
  return error.reason === "LOGIN_CODE_INVALID" || error.reason === "LOGIN_CODE_USED";
}

function used(message: string): IdentityError {
  return new IdentityError("LOGIN_CODE_USED", message);
}

async function askOnce(
  { exchanges, onOutcome = () => {} }: ExchangeDeps,
  ask: Ask,
  { app, code, idempotencyKey }: { app: MiniApp; code: LoginCode; idempotencyKey: string },
): Promise<Exchange> {
  const signal = AbortSignal.timeout(CLAIM_MS * 2);
  const of = { appId: app.appId, code, idempotencyKey };
  for (;;) {
    const claim = await exchanges.claim(of, CLAIM_MS);
    switch (claim.state) {
      case "kept":
        onOutcome("kept");
        return claim.value as Exchange;
      case "other key":
        onOutcome("used under another key");
        throw used("the code was used under another key");
      case "pending":
        await sleep(POLL_INTERVAL_MS, undefined, { signal }).catch(giveUp);
        break;
      case "ours":
        try {
          const exchange = await ask(app, code, signal);
          await claim.keep(exchange);
          return exchange;
        } catch (error) {
          await claim.release();
          throw error;
        }
    }
  }
}

function giveUp(): never {
  const message = "another process asks WeChat for too long";
  throw new IdentityError("UPSTREAM_BUSY", message, { retryAfterMs: 1_000 });
}
