import { z } from "@hono/zod-openapi";

const at = z.iso.datetime();

/** All that is held about a person. */
export const Account = z
  .object({
    user: z.object({
      id: z.int(),
      username: z.string(),
      nickname: z.string(),
      avatar: z.string(),
      phone: z.string().openapi({ description: "In full, as E.164; empty when none is bound" }),
      registrationSource: z.string(),
      createdAt: at,
      lastLoginAt: at,
    }),
    accounts: z
      .array(
        z.object({ appId: z.string(), openid: z.string(), unionid: z.string(), createdAt: at }),
      )
      .openapi({ description: "The person inside each mini program" }),
    sessions: z
      .array(
        z.object({
          id: z.string(),
          appId: z.string(),
          device: z.string(),
          createdAt: at,
          lastUsedAt: at,
          expiresAt: at,
          endedAt: at.nullable(),
        }),
      )
      .openapi({ description: "Logins, the 1,000 latest" }),
    events: z
      .array(z.object({ kind: z.string(), at }))
      .openapi({ description: "What was noted about the person, the 1,000 latest" }),
  })
  .openapi("Account");

/** The answer to a deletion. */
export const AccountDeletion = z
  .object({
    erasedAfter: at.openapi({ description: "A login before this takes the deletion back" }),
  })
  .openapi("AccountDeletion");
