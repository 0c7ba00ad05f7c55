import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { GatewayConfig } from "../../config-gateway.ts";
import type { AccountExport } from "../../gen/identity/v1/account_pb.js";
import { Account, AccountDeletion } from "../account-schemas.ts";
import type { GatewayDependencies } from "../app.ts";
import { bearerToken } from "../bearer-token.ts";
import { acceptsWith, BEARER, repliesWith } from "../describe.ts";
import { callOptions, type GatewayEnv } from "../env.ts";

/** A person's own data: out of here, and away. */
export function addAccountRoutes(
  app: OpenAPIHono<GatewayEnv>,
  config: GatewayConfig,
  { identity }: GatewayDependencies,
): void {
  const common = { tags: ["users"], security: [{ [BEARER]: [] }] };
  const exportData = createRoute({
    ...common,
    middleware: [bearerToken] as const,
    method: "get",
    path: "/api/v1/users/me/export",
    summary: "All that is held about oneself",
    responses: repliesWith("The personal data", Account),
  });
  const remove = createRoute({
    ...common,
    middleware: [bearerToken] as const,
    method: "delete",
    path: "/api/v1/users/me",
    summary: "End all logins, and be erased after a while",
    responses: acceptsWith("On its way; a login before then takes it back", AccountDeletion),
  });
  app.openapi(exportData, async (c) => {
    const { account } = await identity.exportAccount({}, callOptions(c, config));
    return c.json(toBody(account), 200);
  });
  app.openapi(remove, async (c) => {
    const { erasedAfter } = await identity.deleteAccount({}, callOptions(c, config));
    return c.json({ erasedAfter: toIso(erasedAfter) }, 202);
  });
}

function toBody(account: AccountExport | undefined) {
  if (!account?.user) throw new Error("identity answered without the user");
  const { user, phone, miniAccounts, sessions, events } = account;
  const { username, nickname, avatarUrl: avatar, registrationSource } = user;
  return {
    user: {
      ...{ id: Number(user.id), username, nickname, avatar, phone, registrationSource },
      createdAt: toIso(user.createdAt),
      lastLoginAt: toIso(user.lastLoginAt),
    },
    accounts: miniAccounts.map(({ appId, openid, unionid, createdAt }) => {
      return { appId, openid, unionid, createdAt: toIso(createdAt) };
    }),
    sessions: sessions.map(({ id, appId, device, ...times }) => ({
      ...{ id, appId, device },
      createdAt: toIso(times.createdAt),
      lastUsedAt: toIso(times.lastUsedAt),
      expiresAt: toIso(times.expiresAt),
      endedAt: times.endedAt ? toIso(times.endedAt) : null,
    })),
    events: events.map(({ kind, at }) => ({ kind, at: toIso(at) })),
  };
}

function toIso(at: Timestamp | undefined): string {
  if (!at) throw new Error("identity answered without a time");
  return timestampDate(at).toISOString();
}
