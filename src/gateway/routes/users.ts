import { createRoute, type OpenAPIHono, type z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { GatewayConfig } from "../../config-gateway.ts";
import type { User } from "../../gen/identity/v1/user_pb.js";
import type { GatewayDependencies } from "../app.ts";
import { bearerToken } from "../bearer-token.ts";
import { BEARER, jsonOf, repliesWith } from "../describe.ts";
import { callOptions, type GatewayEnv } from "../env.ts";
import { jsonBody } from "../json-body.ts";
import { patchInPost } from "../method-override.ts";
import { OverrideHeaders, PhoneBody, Profile, ProfileBody, ProfileHeaders } from "../schemas.ts";

/** A person's own profile. */
export function addUserRoutes(
  app: OpenAPIHono<GatewayEnv>,
  config: GatewayConfig,
  { identity, avatars }: GatewayDependencies,
): void {
  const common = { path: "/api/v1/users/me", tags: ["users"], security: [{ [BEARER]: [] }] };
  const read = createRoute({
    ...common,
    method: "get",
    summary: "Read one's own profile",
    middleware: [bearerToken] as const,
    responses: repliesWith("The profile; its version also as ETag", Profile),
  });
  const change = createRoute({
    ...common,
    method: "patch",
    summary: "Change one's own profile",
    middleware: [bearerToken, jsonBody(config.maxBodyBytes)] as const,
    request: { headers: ProfileHeaders, body: jsonOf(ProfileBody) },
    responses: repliesWith("The profile after the change; its version also as ETag", Profile),
  });
  const changeByPost = createRoute({
    ...common,
    method: "post",
    summary: "Change one's own profile, where the client knows no PATCH, as wx.request",
    middleware: [patchInPost, bearerToken, jsonBody(config.maxBodyBytes)] as const,
    request: { headers: OverrideHeaders, body: jsonOf(ProfileBody) },
    responses: repliesWith("As PATCH answers", Profile),
  });
  const bind = createRoute({
    ...common,
    path: "/api/v1/users/me/phone",
    method: "post",
    summary: "Bind the phone number of the phone button",
    middleware: [bearerToken, jsonBody(config.maxBodyBytes)] as const,
    request: { body: jsonOf(PhoneBody) },
    responses: repliesWith("The profile with the number's middle hidden", Profile),
  });
  app.openapi(bind, async (c) => {
    const { user } = await identity.bindPhone(c.req.valid("json"), callOptions(c, config));
    const profile = toProfile(user);
    return c.json(profile, 200, { etag: `"${profile.version}"` });
  });
  app.openapi(read, async (c) => {
    const { user } = await identity.getProfile({}, callOptions(c, config));
    const profile = toProfile(user);
    return c.json(profile, 200, { etag: `"${profile.version}"` });
  });
  app.openapi(change, (c) => answerChange(c, c.req.valid("json"), c.req.valid("header")));
  app.openapi(changeByPost, (c) => answerChange(c, c.req.valid("json"), c.req.valid("header")));

  async function answerChange(
    c: Context<GatewayEnv>,
    { nickname, avatar }: z.output<typeof ProfileBody>,
    { "If-Match": ifMatch = "" }: z.output<typeof ProfileHeaders>,
  ) {
    const version = /\d+/.exec(ifMatch)?.[0];
    const options = callOptions(c, config);
    const before = avatar === undefined ? undefined : await identity.getProfile({}, options);
    const { user } = await identity.updateProfile(
      {
        ...(nickname === undefined ? {} : { nickname }),
        ...(avatar === undefined ? {} : { avatarUrl: avatar }),
        ...(version === undefined ? {} : { expectedVersion: BigInt(version) }),
      },
      options,
    );
    const profile = toProfile(user);
    if (before?.user && before.user.avatarUrl !== profile.avatar) await avatars.forget(before.user);
    return c.json(profile, 200, { etag: `"${profile.version}"` });
  }
}

function toProfile(user: User | undefined) {
  if (!user) throw new Error("identity answered without the user");
  const { username, nickname, avatarUrl: avatar, phoneMasked: phone } = user;
  return { id: Number(user.id), username, nickname, avatar, phone, version: Number(user.version) };
}
