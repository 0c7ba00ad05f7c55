import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import type { GatewayConfig } from "../../config-gateway.ts";
import type { GatewayDependencies } from "../app.ts";
import { AVATAR_NAME } from "../avatars.ts";
import { bearerToken } from "../bearer-token.ts";
import { BEARER, repliesWith } from "../describe.ts";
import { callOptions, type GatewayEnv } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { isPacked, readBytes } from "../read-bytes.ts";
import { Avatar } from "../schemas.ts";

const IMAGE_TYPES = ["image/png", "image/jpeg", "image/webp", "application/octet-stream"];

const IMAGE = { schema: z.string().openapi({ format: "binary" }) };

/** An avatar never changes under its name; and whatever a browser makes of it, it runs nothing. */
const HEADERS = {
  "content-type": "image/webp",
  "cache-control": "public, max-age=31536000, immutable",
  "content-security-policy": "default-src 'none'; sandbox",
};

/** A person's avatar: uploading it, and showing it to everybody. */
export function addAvatarRoutes(
  app: OpenAPIHono<GatewayEnv>,
  config: GatewayConfig,
  { identity, avatars, limitAvatar }: GatewayDependencies,
): void {
  const upload = createRoute({
    method: "put",
    path: "/api/v1/users/me/avatar",
    summary: "Upload one's own avatar: PNG, JPEG or WebP of at most 2 MiB",
    tags: ["users"],
    security: [{ [BEARER]: [] }],
    middleware: [bearerToken, imageBody] as const,
    request: {
      body: {
        required: true,
        content: Object.fromEntries(IMAGE_TYPES.map((type) => [type, IMAGE])),
      },
    },
    responses: repliesWith("The address of the avatar, which the profile now holds", Avatar),
  });
  app.openapi(upload, async (c) => {
    const options = callOptions(c, config);
    // Who may not upload has nothing read.
    const { user } = await identity.getProfile({}, options);
    if (!user) throw new Error("identity answered without the user");
    await limitAvatar(c, user.username);
    const { signal: _, ...withoutSignal } = options;
    const avatar = await avatars.upload({
      user,
      read: () => readBytes(c, config.avatars.maxBytes),
      // Whether or not the client waits: once the image is stored, what was begun is brought to its end.
      save: async (avatarUrl) => void (await identity.updateProfile({ avatarUrl }, withoutSignal)),
    });
    return c.json({ avatar }, 200);
  });
  app.get("/avatars/:file{[0-9a-f]{64}\\.webp}", async (c) => {
    const image = await avatars.read(c.req.param("file").slice(0, -".webp".length));
    if (!image) throw new GatewayError("ROUTE_NOT_FOUND");
    return c.body(image, 200, { ...HEADERS, "content-length": String(image.byteLength) });
  });
  app.openAPIRegistry.registerPath({
    method: "get",
    path: "/avatars/{name}.webp",
    summary: "An avatar that was uploaded",
    tags: ["users"],
    request: { params: z.object({ name: z.string().regex(AVATAR_NAME) }) },
    responses: {
      ...repliesWith("The image", Avatar),
      200: {
        description: "512 pixels square, to be kept for a year",
        content: { "image/webp": IMAGE },
      },
    },
  });
}

/** Before anything is read: a type that is no image's, and what is packed. */
const imageBody: MiddlewareHandler<GatewayEnv> = async (c, next) => {
  const type = c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  const isOther = type && !IMAGE_TYPES.includes(type);
  if (isOther || isPacked(c)) throw new GatewayError("UNSUPPORTED_MEDIA_TYPE");
  await next();
};
