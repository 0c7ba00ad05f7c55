import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { GatewayConfig } from "../../config-gateway.ts";
import type { GatewayDependencies } from "../app.ts";
import { jsonOf, repliesWith } from "../describe.ts";
import { callOptions, type GatewayEnv } from "../env.ts";
import { jsonBody } from "../json-body.ts";
import { readDevice, readReferer } from "../mini-program.ts";
import { LoginBody, LoginReply, RefreshBody, RefreshReply, RetryHeaders } from "../schemas.ts";

/** Logging in, and staying so. */
export function addAuthRoutes(
  app: OpenAPIHono<GatewayEnv>,
  config: GatewayConfig,
  { identity, limitLogin }: GatewayDependencies,
): void {
  const login = createRoute({
    method: "post",
    path: "/api/v1/auth/mini-login",
    summary: "Log in with the code of wx.login",
    tags: ["auth"],
    middleware: [jsonBody(config.maxBodyBytes)],
    request: { headers: RetryHeaders, body: jsonOf(LoginBody) },
    responses: repliesWith("Logged in", LoginReply),
  });
  const refresh = createRoute({
    method: "post",
    path: "/api/v1/auth/refresh",
    summary: "Trade a refresh token for the next tokens",
    tags: ["auth"],
    middleware: [jsonBody(config.maxBodyBytes)],
    request: { headers: RetryHeaders, body: jsonOf(RefreshBody) },
    responses: repliesWith("The tokens to use from now on", RefreshReply),
  });
  app.openapi(login, async (c) => {
    const { code, appId, userInfo } = c.req.valid("json");
    // Only what is well-formed counts, as only that costs anything.
    await limitLogin(c);
    const idempotencyKey = c.req.valid("header")["Idempotency-Key"];
    const sender = appId || readReferer(c);
    const nickname = userInfo?.nickName;
    const avatarUrl = userInfo?.avatarUrl;
    const reply = await identity.miniLogin(
      {
        code,
        device: readDevice(c),
        ...(sender ? { appId: sender } : {}),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        userInfo: {
          ...(nickname === undefined ? {} : { nickname }),
          ...(avatarUrl === undefined ? {} : { avatarUrl }),
        },
      },
      callOptions(c, config),
    );
    if (!reply.user) throw new Error("identity answered without the user");
    const { id, username, nickname: name, avatarUrl: avatar } = reply.user;
    const user = { id: Number(id), username, nickname: name, avatar };
    const { accessToken: token, refreshToken, isNewUser } = reply;
    const expiresIn = Number(reply.expiresIn);
    return c.json({ token, expiresIn, refreshToken, user, isNewUser }, 200);
  });
  app.openapi(refresh, async (c) => {
    const idempotencyKey = c.req.valid("header")["Idempotency-Key"];
    const reply = await identity.refreshToken(
      {
        refreshToken: c.req.valid("json").refreshToken,
        appId: readReferer(c) ?? "",
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      },
      callOptions(c, config),
    );
    const { accessToken: token, refreshToken } = reply;
    return c.json({ token, expiresIn: Number(reply.expiresIn), refreshToken }, 200);
  });
}
