import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import type { AppId, Openid, Unionid, UserId } from "../ids.ts";

const instant = (name: string) => timestamp(name, { withTimezone: true });

/** People. One row a person, whatever the number of mini programs that they use. */
export const users = pgTable(
  "users",
  {
    id: bigint({ mode: "number" }).$type<UserId>().primaryKey().generatedByDefaultAsIdentity(),
    username: text().notNull().unique(),
    nickname: text().notNull(),
    avatarUrl: text("avatar_url").notNull().default(""),
    registrationSource: text("registration_source").notNull(),
    disabled: boolean().notNull().default(false),
    /** Encrypted under MASTER_KEYS; what look-ups and uniqueness go by is `phoneIndex`. */
    phoneSealed: text("phone_sealed"),
    /** A keyed hash of the number. */
    phoneIndex: text("phone_index").unique(),
    /** The number with its middle hidden. */
    phoneMasked: text("phone_masked").notNull().default(""),
    version: integer().notNull().default(1),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
    lastLoginAt: instant("last_login_at").notNull().defaultNow(),
    /** After this the person is erased, unless they log in before; null where nobody wants it. */
    eraseAfter: instant("erase_after"),
  },
  (table) => [
    // Which master keys are in use, and where.
    index("users_phone_master_key")
      .on(sql`split_part(${table.phoneSealed}, '.', 1)`)
      .where(sql`${table.phoneSealed} is not null`),
    // Those who may be erased; a disabled person is not.
    index("users_erase_after")
      .on(table.eraseAfter)
      .where(sql`${table.eraseAfter} is not null and not ${table.disabled}`),
    // What operators look for people by.
    index("users_nickname").on(table.nickname.op("text_pattern_ops")),
    index("users_disabled").on(table.id).where(sql`${table.disabled}`),
    check("users_nickname_length", sql`octet_length(${table.nickname}) between 1 and 128`),
    check("users_avatar_url_length", sql`char_length(${table.avatarUrl}) <= 500`),
    check("users_registration_source", sql`${table.registrationSource} in ('miniapp', 'web')`),
  ],
);

/** A person inside one mini program. An openid means nothing without its app id. */
export const miniAccounts = pgTable(
  "mini_accounts",
  {
    appId: text("app_id").$type<AppId>().notNull(),
    openid: text().$type<Openid>().notNull(),
    userId: bigint("user_id", { mode: "number" })
      .$type<UserId>()
      .notNull()
      .references(() => users.id),
    /** The Open Platform account that the mini program belongs to; a unionid means nothing without. */
    unionScope: text("union_scope").notNull().default("main"),
    unionid: text().$type<Unionid>(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.appId, table.openid] }),
    index("mini_accounts_user_id").on(table.userId),
    index("mini_accounts_unionid").on(table.unionid, table.unionScope),
  ],
);

/** Logins. What an access token is of is alive as long as its row says so. */
export const loginSessions = pgTable(
  "sessions",
  {
    id: uuid().primaryKey(),
    userId: bigint("user_id", { mode: "number" })
      .$type<UserId>()
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    appId: text("app_id").$type<AppId>().notNull(),
    openid: text().$type<Openid>().notNull(),
    device: text().notNull(),
    /** A hash of what all refresh tokens of the login have in common: it knows every used one. */
    familyHash: text("family_hash").notNull(),
    /** A hash of the refresh token that may be used. */
    tokenHash: text("token_hash").notNull(),
    /** A hash of the one before. */
    previousHash: text("previous_hash"),
    rotatedAt: instant("rotated_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
    lastUsedAt: instant("last_used_at").notNull().defaultNow(),
    expiresAt: instant("expires_at").notNull(),
    revokedAt: instant("revoked_at"),
  },
  (table) => [
    index("sessions_user_id").on(table.userId),
    index("sessions_expires_at").on(table.expiresAt),
  ],
);

/** What an operator may have to look at later; only ever added to. */
export const auditEvents = pgTable(
  "audit_events",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedByDefaultAsIdentity(),
    at: instant("at").notNull().defaultNow(),
    kind: text({
      enum: [
        "merge_candidate",
        "unionid_changed",
        "refresh_token_reused",
        "user_disabled",
        "user_enabled",
        "user_sessions_revoked",
        "user_deletion_requested",
        "user_exported",
        "user_erased",
        "users_searched",
        "users_merged",
        "signing_key_rotated",
      ],
    }).notNull(),
    /** Null where it is about nobody. */
    userId: bigint("user_id", { mode: "number" }).$type<UserId>(),
    details: jsonb().$type<Record<string, string | number | boolean>>().notNull(),
    /** The same thing is noted once. */
    once: text().notNull().unique(),
  },
  (table) => [
    index("audit_events_user_id").on(table.userId),
    index("audit_events_at").on(table.at),
    // Where else somebody is named.
    index("audit_events_other_user")
      .on(sql`(${table.details}->>'otherUserId')`)
      .where(sql`kind in ('merge_candidate', 'users_merged')`),
    index("audit_events_to_unionid")
      .on(sql`(${table.details}->>'to')`)
      .where(sql`kind = 'unionid_changed'`),
  ],
);

/** Work that one process does for all; it is theirs until `expires_at`. */
export const leases = pgTable("leases", {
  name: text().primaryKey(),
  holder: text().notNull(),
  expiresAt: instant("expires_at").notNull(),
});

/** Keys of keyed hashes; made once and never changed, encrypted under MASTER_KEYS. */
export const dataKeys = pgTable("data_keys", {
  name: text().primaryKey(),
  sealed: text().notNull(),
});

/** Keys that access tokens are signed with; the private half is encrypted under MASTER_KEYS. */
export const signingKeys = pgTable(
  "signing_keys",
  {
    kid: text().primaryKey(),
    state: text({ enum: ["next", "active", "retired"] }).notNull(),
    publicJwk: jsonb("public_jwk").$type<PublicJwk>().notNull(),
    encryptedPrivateKey: text("encrypted_private_key").notNull(),
    /** When it was published. */
    createdAt: instant("created_at").notNull().defaultNow(),
    /** When it began to sign. */
    activatedAt: instant("activated_at"),
    /** When it ceased to. */
    retiredAt: instant("retired_at"),
  },
  (table) => [
    uniqueIndex("signing_keys_one_active").on(table.state).where(sql`state = 'active'`),
    uniqueIndex("signing_keys_one_next").on(table.state).where(sql`state = 'next'`),
  ],
);

/** The members of an EC public key (RFC 7518 section 6.2.1). */
export interface PublicJwk {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
}
