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
  },
  (table) => [
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

/** What an operator may have to look at later; only ever added to. */
export const auditEvents = pgTable(
  "audit_events",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedByDefaultAsIdentity(),
    at: instant("at").notNull().defaultNow(),
    kind: text({ enum: ["merge_candidate", "unionid_changed"] }).notNull(),
    userId: bigint("user_id", { mode: "number" }).$type<UserId>().notNull(),
    details: jsonb().$type<Record<string, string | number>>().notNull(),
    /** The same thing is noted once. */
    once: text().notNull().unique(),
  },
  (table) => [index("audit_events_user_id").on(table.userId)],
);

/** Keys that data is indexed with; made once and never changed, encrypted under MASTER_KEYS. */
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
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [uniqueIndex("signing_keys_one_active").on(table.state).where(sql`state = 'active'`)],
);

/** The members of an EC public key (RFC 7518 section 6.2.1). */
export interface PublicJwk {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
}
