// A bare Hono route that calls on through a grpc-js client: what a gateway costs that does nothing else.
import { createServer } from "node:http";
import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { MiniLoginResponse } from "../../src/gen/identity/v1/identity_service_pb.js";
import {
  IdentityService,
  MiniLoginRequestSchema,
} from "../../src/gen/identity/v1/identity_service_pb.js";
import { toGrpcDefinition } from "../../src/grpc-definition.ts";
import { sayReady } from "../ready.ts";

const { miniLogin } = toGrpcDefinition(IdentityService);
if (!miniLogin) throw new Error("no MiniLogin");
const { path, requestSerialize, responseDeserialize } = miniLogin;
const target = process.env.IDENTITY_GRPC_TARGET ?? "";
const client = new Client(target, credentials.createInsecure());

const call = (code: string, appId: string) =>
  new Promise<MiniLoginResponse>((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => MiniLoginResponse,
      create(MiniLoginRequestSchema, { code, appId }),
      (error, reply) => (reply ? resolve(reply) : reject(error)),
    );
  });

const app = new Hono();
app.post("/api/v1/auth/mini-login", async (c) => {
  const { code, appId } = await c.req.json();
  const { accessToken: token, refreshToken, isNewUser, ...reply } = await call(code, appId);
  const { id, username, nickname, avatarUrl: avatar } = reply.user ?? {};
  const user = { id: Number(id), username, nickname, avatar };
  return c.json({ token, expiresIn: Number(reply.expiresIn), refreshToken, user, isNewUser });
});
const server = createServer(getRequestListener(app.fetch));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as { port: number };
  void sayReady({ http: `127.0.0.1:${port}` });
});
