// The original design, as its note has it: Hono, TypeORM, axios and jsonwebtoken in one process, a secret
// shared by all, no session_key kept and no login session.
import { randomBytes } from "node:crypto";
import { serve } from "@hono/node-server";
import axios from "axios";
import { Hono } from "hono";
import jwt from "jsonwebtoken";
import { DataSource, EntitySchema } from "typeorm";

const { DATABASE_URL, WX_API_BASE_URL, WX_MINI_APP_ID, WX_MINI_APP_SECRET } = process.env;
const JWT_SECRET = randomBytes(32).toString("hex");

const User = new EntitySchema({
  name: "User",
  tableName: "original_users",
  columns: {
    id: { type: "int", primary: true, generated: true },
    username: { type: "varchar", length: 255, unique: true },
    password: { type: "varchar", length: 255 },
    phone: { type: "varchar", length: 255, nullable: true },
    email: { type: "varchar", length: 255, nullable: true },
    nickname: { type: "varchar", length: 255, nullable: true },
    openid: { type: "varchar", length: 255, nullable: true, unique: true },
    unionid: { type: "varchar", length: 255, nullable: true },
    miniappAvatar: { name: "miniapp_avatar", type: "varchar", length: 500, nullable: true },
    registrationSource: { name: "registration_source", type: "varchar", length: 20 },
    isDisabled: { name: "is_disabled", type: "int", default: 0 },
    createdAt: { name: "created_at", type: "timestamp", createDate: true },
    updatedAt: { name: "updated_at", type: "timestamp", updateDate: true },
  },
});
const source = new DataSource({
  type: "postgres",
  url: DATABASE_URL,
  entities: [User],
  synchronize: true,
});
await source.initialize();
const users = source.getRepository(User);

async function miniLogin(code) {
  const { data } = await axios.get(`${WX_API_BASE_URL}/sns/jscode2session`, {
    params: {
      appid: WX_MINI_APP_ID,
      secret: WX_MINI_APP_SECRET,
      js_code: code,
      grant_type: "authorization_code",
    },
    timeout: 10_000,
  });
  if (data.errcode) throw new Error(`WeChat: ${data.errmsg}`);
  let user = await users.findOne({ where: { openid: data.openid } });
  const isNewUser = !user;
  if (!user) {
    user = users.create({
      username: `wx_${randomBytes(8).toString("hex")}`,
      password: "",
      openid: data.openid,
      unionid: data.unionid ?? null,
      nickname: "微信用户",
      registrationSource: "miniapp",
      isDisabled: 0,
    });
    await users.save(user);
  }
  const { id, username, openid } = user;
  const token = jwt.sign({ id, username, openid }, JWT_SECRET, { expiresIn: "7d" });
  return { token, user, isNewUser };
}

const app = new Hono();
app.post("/api/v1/auth/mini-login", async (c) => {
  try {
    const { code } = await c.req.json();
    const { token, user, isNewUser } = await miniLogin(code);
    const { id, username, nickname, miniappAvatar: avatar } = user;
    return c.json({ token, user: { id, username, nickname, avatar }, isNewUser });
  } catch (error) {
    return c.json({ code: 400, message: error.message }, 400);
  }
});
// As every server of the bench: the CPU it has used.
app.get("/metrics", (c) => {
  const { user, system } = process.cpuUsage();
  return c.text(`process_cpu_seconds_total ${(user + system) / 1e6}\n`);
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
  const address = `127.0.0.1:${port}`;
  const ready = { event: "ready", addresses: { http: address, ops: address } };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
});
