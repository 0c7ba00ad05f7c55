import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { GatewayConfig } from "../../config.ts";
import type { GatewayDependencies } from "../app.ts";
import { jsonOf, repliesWith } from "../describe.ts";
import { callOptions, type GatewayEnv } from "../env.ts";
import { jsonBody } from "../json-body.ts";
import { LoginBody, LoginHeaders, LoginReply } from "../schemas.ts";

const REFERER = /^https:\/\/servicewechat\.com\/([A-Za-z0-9_-]{4,64})\/[^/]+\/page-frame\.html$/;

/** Logging in. */
export function addAuthRoutes(
  app: OpenAPIHono<GatewayEnv>,
  config: GatewayConfig,
  { identity }: GatewayDependencies,
): void {
  const login = createRoute({
    method: "post",
    path: "/api/v1/auth/mini-login",
    summary: "Log in with the code of wx.login",
    tags: ["auth"],
    middleware: [jsonBody(config.maxBodyBytes)],
    request: { headers: LoginHeaders, body: jsonOf(LoginBody) },
    responses: repliesWith("Logged in", LoginReply),
  });
  app.openapi(login, async (c) => {
    const { code, appId, userInfo } = c.req.valid("json");
    const idempotencyKey = c.req.valid("header")["Idempotency-Key"];
    // WeChat adds the Referer to every request of a mini program; its code cannot change it.
    const sender = appId || REFERER.exec(c.req.header("referer") ?? "")?.[1];
    const nickname = userInfo?.nickName;
    const avatarUrl = userInfo?.avatarUrl;
    const reply = await identity.miniLogin(
      {
        code,
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
}
