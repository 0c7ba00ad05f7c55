// A returning login with nothing around it, behind a bare Hono route.
import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { sayReady } from "../ready.ts";
import { login } from "./floor-login.ts";

const app = new Hono();
app.post("/api/v1/auth/mini-login", async (c) => {
  const { code } = await c.req.json();
  const { accessToken: token, refreshToken, isNewUser, ...reply } = await login(code);
  const { id, username, nickname, avatarUrl: avatar } = reply.user ?? {};
  const user = { id: Number(id), username, nickname, avatar };
  return c.json({ token, expiresIn: Number(reply.expiresIn), refreshToken, user, isNewUser });
});
const server = createServer(getRequestListener(app.fetch));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as { port: number };
  void sayReady({ http: `127.0.0.1:${port}` });
});
