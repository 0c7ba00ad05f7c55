import { setTimeout as sleep } from "node:timers/promises";
import { IdentityError } from "./errors.ts";
import type { LoginCode } from "./ids.ts";
import type { MiniApp } from "./mini-apps.ts";
import type { Wechat, WechatSession } from "./platforms/wechat.ts";
import type { RefreshToken, RefreshTokens } from "./refresh-tokens.ts";
import type { ExchangeStore } from "./store/exchanges.ts";

/** More than WeChat may take; whoever holds a claim for longer has died. */
const CLAIM_MS = 4_000;

const POLL_INTERVAL_MS = 50;

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
}

/**
 * Exchanges login codes. Under an idempotency key WeChat is asked once, whoever asks us how often and
 * wherever, and the answer serves again for a minute; without one nothing is kept.
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
  const flights = new Map<string, Promise<Exchange>>();
  return {
    exchange: (app, code, idempotencyKey, signal) => {
      if (idempotencyKey === undefined) return ask(deps, app, code, signal);
      const name = `${app.appId} ${code} ${idempotencyKey}`;
      const flying = flights.get(name);
      if (flying) return flying;
      // Not ended by a caller who goes away: the code would be spent for nothing.
      const flight = askOnce(deps, app, code, idempotencyKey).finally(() => flights.delete(name));
      flights.set(name, flight);
      return flight;
    },
  };
}

async function askOnce(
  deps: ExchangeDeps,
  app: MiniApp,
  code: LoginCode,
  idempotencyKey: string,
): Promise<Exchange> {
  const signal = AbortSignal.timeout(CLAIM_MS * 2);
  const of = { appId: app.appId, code, idempotencyKey };
  for (;;) {
    const claim = await deps.exchanges.claim(of, CLAIM_MS);
    switch (claim.state) {
      case "kept":
        return claim.value as Exchange;
      case "other key":
        throw new IdentityError("LOGIN_CODE_USED", "the code was used under another key");
      case "pending":
        await sleep(POLL_INTERVAL_MS, undefined, { signal }).catch(giveUp);
        break;
      case "ours":
        try {
          const exchange = await ask(deps, app, code, signal);
          await claim.keep(exchange);
          return exchange;
        } catch (error) {
          await claim.release();
          throw error;
        }
    }
  }
}

async function ask(
  { wechat, refreshTokens, now }: ExchangeDeps,
  app: MiniApp,
  code: LoginCode,
  signal: AbortSignal,
): Promise<Exchange> {
  const exchangedAtMs = now();
  const session = await wechat.codeToSession(app, code, signal);
  return { ...session, exchangedAtMs, refreshToken: refreshTokens.first() };
}

function giveUp(): never {
  const message = "another process asks WeChat for too long";
  throw new IdentityError("UPSTREAM_BUSY", message, { retryAfterMs: 1_000 });
}
