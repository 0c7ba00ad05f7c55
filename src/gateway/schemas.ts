import { z } from "@hono/zod-openapi";

/** A text that protobuf can carry: no surrogate without its pair. */
const text = z.string().refine((value) => value.isWellFormed());

/** `POST /api/v1/auth/mini-login`. */
export const LoginBody = z
  .strictObject({
    code: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,128}$/)
      .openapi({ description: "From wx.login; single-use" }),
    appId: text.max(64).optional().openapi({ description: "By default the Referer's" }),
    userInfo: z
      .strictObject({
        nickName: text.optional(),
        avatarUrl: text.optional(),
        // The rest of wx.getUserProfile's object, which clients pass on whole; not kept.
        gender: z.unknown().optional(),
        language: z.unknown().optional(),
        city: z.unknown().optional(),
        province: z.unknown().optional(),
        country: z.unknown().optional(),
      })
      .optional()
      .openapi({ description: "Used only when the person is new" }),
  })
  .openapi("LoginBody");

/** The header that makes a lost reply safe to ask for again. */
export const RetryHeaders = z.object({
  "Idempotency-Key": z
    .string()
    .regex(/^[A-Za-z0-9_-]{16,64}$/)
    .optional()
    .openapi({ description: "The same for a request and its retries" }),
});

const tokens = {
  token: z.string(),
  expiresIn: z.int().openapi({ description: "Seconds" }),
  refreshToken: z.string().openapi({ description: "For one refresh; keep it safe" }),
};

/** The answer to a login. */
export const LoginReply = z
  .object({
    ...tokens,
    user: z.object({
      id: z.int(),
      username: z.string(),
      nickname: z.string(),
      avatar: z.string(),
    }),
    isNewUser: z.boolean(),
  })
  .openapi("LoginReply");

/** `POST /api/v1/auth/refresh`. */
export const RefreshBody = z
  .strictObject({
    refreshToken: z
      .string({ error: "REFRESH_TOKEN_INVALID" })
      .regex(/^[A-Za-z0-9_-]{1,256}$/, { error: "REFRESH_TOKEN_INVALID" }),
  })
  .openapi("RefreshBody");

/** The answer to a refresh. */
export const RefreshReply = z.object(tokens).openapi("RefreshReply");

/** A person's own logins. */
export const LoginSessions = z
  .object({
    sessions: z.array(
      z.object({
        id: z.string(),
        appId: z.string(),
        device: z.string(),
        createdAt: z.iso.datetime(),
        lastUsedAt: z.iso.datetime(),
        current: z.boolean().openapi({ description: "Whether it is this request's own" }),
      }),
    ),
  })
  .openapi("LoginSessions");

/** Which login. */
export const LoginSessionParams = z.object({ id: z.uuid() });

/** `PATCH /api/v1/users/me`: what is absent stays, what is empty is cleared. */
export const ProfileBody = z
  .strictObject({ nickname: text.optional(), avatar: text.optional() })
  .openapi("ProfileBody");

/** `POST /api/v1/users/me/phone`. */
export const PhoneBody = z
  .strictObject({
    code: z.string({ error: "PHONE_CODE_INVALID" }).regex(/^[A-Za-z0-9_-]{1,128}$/, {
      error: "PHONE_CODE_INVALID",
    }),
  })
  .openapi("PhoneBody", { description: "From the phone button's getPhoneNumber event" });

/** The headers of a change. */
export const ProfileHeaders = z.object({
  "If-Match": z
    .string()
    .regex(/^(?:\*|"\d{1,15}")$/)
    .optional()
    .openapi({ description: "The ETag of the profile that the change is meant for" }),
});

/** The headers of a change whose client knows no PATCH. */
export const OverrideHeaders = ProfileHeaders.extend({
  "X-HTTP-Method-Override": z
    .string()
    .regex(/^patch$/i)
    .openapi({ description: "PATCH; without it the POST is refused with METHOD_NOT_ALLOWED" }),
});

/** A person's own profile. */
export const Profile = z
  .object({
    id: z.int(),
    username: z.string(),
    nickname: z.string(),
    avatar: z.string(),
    phone: z.string().openapi({ description: "Its middle hidden; empty when none is bound" }),
    version: z.int(),
  })
  .openapi("Profile");

/** The answer to an upload. */
export const Avatar = z
  .object({
    avatar: z.url().openapi({ description: "Shows the image; random, and new each time" }),
  })
  .openapi("Avatar");

/** Public keys (RFC 7517). */
export const Jwks = z
  .object({
    keys: z.array(
      z.object({
        kty: z.string(),
        crv: z.string(),
        x: z.string(),
        y: z.string(),
        kid: z.string(),
        alg: z.string(),
        use: z.string(),
      }),
    ),
  })
  .openapi("Jwks");
