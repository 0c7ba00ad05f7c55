import { clientError, hasReason, IdentityError } from "./errors";
import type { HttpReply, Platform } from "./platform";
import type { IdentityOptions, RequestOptions } from "./types";

/** A request to the service. */
export interface Call extends RequestOptions {
  /** The access token. */
  token?: string;
  /** Makes it safe to ask again when no answer came, which is then done once. */
  idempotencyKey?: string;
  /** Default `timeoutMs` of the options. */
  timeoutMs?: number;
}

/** Resolves with the body of a 2xx answer; rejects with an IdentityError. */
export type Send = (call: Call) => Promise<unknown>;

/** How long an answer is waited for. */
export const DEFAULT_TIMEOUT_MS = 10_000;

/** The way to the service at `baseUrl`. */
export function createSend(options: IdentityOptions, platform: Platform): Send {
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const language = options.language ?? "zh-CN";

  async function ask(call: Call): Promise<unknown> {
    const reply = await platform
      .request({
        url: baseUrl + call.path,
        method: call.method ?? "GET",
        header: toHeader(call, language),
        ...(call.data === undefined ? {} : { data: call.data }),
        timeoutMs: call.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      })
      .catch((cause: unknown) => {
        throw clientError("NETWORK", language, { cause });
      });
    if (reply.status >= 200 && reply.status < 300) return reply.data;
    throw toError(reply) ?? clientError("BAD_RESPONSE", language, { status: reply.status });
  }

  return async (call) => {
    // With an empty baseUrl, `//elsewhere` would be another host, which must not see the token.
    if (!/^\/(?![/\\])/.test(call.path)) throw new TypeError("a path starts with one slash");
    try {
      return await ask(call);
    } catch (error) {
      if (call.idempotencyKey === undefined || !hasReason(error, "NETWORK")) throw error;
      return ask(call);
    }
  };
}

function toHeader({ header, token, idempotencyKey }: Call, language: string) {
  return {
    ...header,
    "Accept-Language": language,
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey }),
  };
}

/** What the service says went wrong; undefined when it was not the service that answered. */
function toError({ status, header, data }: HttpReply): IdentityError | undefined {
  const { reason, message, requestId } = (data ?? {}) as Record<string, unknown>;
  if (typeof reason !== "string" || typeof message !== "string") return undefined;
  const id = typeof requestId === "string" ? requestId : header["x-request-id"];
  const seconds = Number.parseInt(header["retry-after"] ?? "", 10);
  return new IdentityError(reason, message, {
    status,
    ...(id === undefined ? {} : { requestId: id }),
    ...(seconds >= 0 ? { retryAfter: seconds } : {}),
  });
}
