// A returning login with nothing around it: the same call to WeChat, the same statement, one Redis write,
// one signature, the same bytes back. No validation, no limits, no log, no encryption.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Redis } from "ioredis";
import { generateKeyPair, SignJWT } from "jose";
import postgres from "postgres";
import { Pool } from "undici";
import { MiniLoginResponseSchema } from "../../src/gen/identity/v1/identity_service_pb.js";

const { DATABASE_URL = "", REDIS_URL = "", WX_API_BASE_URL = "", ...app } = process.env;
const appId = app.WX_MINI_APP_ID ?? "";
const secret = app.WX_MINI_APP_SECRET ?? "";
const sql = postgres(DATABASE_URL, { max: 10, connection: { application_name: "floor" } });
const redis = new Redis(REDIS_URL);
const wechat = new Pool(WX_API_BASE_URL, { connections: 32 });
const { privateKey } = await generateKeyPair("ES256");

export async function login(code: string) {
  const query = `appid=${appId}&secret=${secret}&js_code=${code}&grant_type=authorization_code`;
  const { body } = await wechat.request({ method: "GET", path: `/sns/jscode2session?${query}` });
  const { openid, session_key: sessionKey } = JSON.parse(await body.text());
  const refreshToken = randomBytes(64);
  const hash = createHash("sha256").update(refreshToken).digest("base64url");
  const sessionId = randomUUID();
  const [rows] = await Promise.all([
    recordLogin(openid, sessionId, hash),
    redis.set(`identity:session_key:${appId}:${openid}`, sealed(sessionKey), "EX", 259_200),
  ]);
  const user = rows[0];
  const issuedAt = Math.floor(Date.now() / 1_000);
  const accessToken = await new SignJWT({
    id: Number(user?.id),
    username: user?.username,
    openid,
    sid: sessionId,
  })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid: "floor-key-1" })
    .setIssuer("http://127.0.0.1:8080")
    .setAudience(appId)
    .setSubject(String(user?.id))
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 604_800)
    .sign(privateKey);
  return create(MiniLoginResponseSchema, {
    accessToken,
    expiresIn: 604_800n,
    sessionId,
    refreshToken: refreshToken.toString("base64url"),
    sessionKeyCached: true,
    user: {
      id: BigInt(user?.id),
      username: user?.username,
      nickname: user?.nickname,
      avatarUrl: user?.avatar_url,
      registrationSource: user?.registration_source,
      version: BigInt(user?.version),
      createdAt: timestampFromDate(user?.created_at),
      lastLoginAt: timestampFromDate(user?.last_login_at),
    },
  });
}

/** As long as what identity keeps, which is encrypted. */
const sealed = (sessionKey: string) => `${Date.now()}:${sessionKey.padEnd(76, ".")}`;

/** What src/identity/store/logins.ts sends, prepared as there. */
function recordLogin(openid: string, sessionId: string, hash: string) {
  return sql`
    with account as (
      select user_id, unionid from mini_accounts where app_id = ${appId} and openid = ${openid}
    ), person as (
      update users set last_login_at = case when disabled then last_login_at else now() end,
        erase_after = case when disabled or erase_after is null
          or exists (select from sessions where id = ${sessionId}::uuid) then erase_after end
      from account where users.id = account.user_id
      returning users.id, username, nickname, avatar_url, registration_source, disabled, phone_sealed,
        phone_index, phone_masked, version, created_at, updated_at, last_login_at, erase_after,
        account.unionid
    ), opened as (
      insert into sessions (id, user_id, app_id, openid, device, family_hash, token_hash, previous_hash,
        rotated_at, created_at, last_used_at, expires_at, revoked_at)
      select ${sessionId}::uuid, id, ${appId}, ${openid}, '', ${hash}, ${hash}, null, null::timestamptz,
        now(), now(), now() + make_interval(secs => 2592000), null::timestamptz
      from person where not disabled
      on conflict (id) do update set device = excluded.device
        where sessions.revoked_at is null and sessions.token_hash = excluded.token_hash
      returning created_at
    )
    select person.*, coalesce(opened.created_at = person.created_at, false) as is_new_user,
      opened.created_at is not null as is_open
    from person left join opened on true`;
}
