// A bare grpc-js server: what the wire alone costs. It answers MiniLogin with a constant that is as
// long as a real reply.
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import {
  IdentityService,
  MiniLoginResponseSchema,
} from "../src/gen/identity/v1/identity_service_pb.js";
import { toGrpcDefinition } from "../src/grpc-definition.ts";
import { sayReady } from "./ready.ts";

const reply = create(MiniLoginResponseSchema, {
  accessToken: "t".repeat(530),
  expiresIn: 604_800n,
  sessionId: crypto.randomUUID(),
  user: {
    id: 1n,
    username: `wx_${"a".repeat(16)}`,
    nickname: "微信用户",
    registrationSource: "miniapp",
    version: 1n,
    createdAt: timestampFromMs(1_700_000_000_123),
    lastLoginAt: timestampFromMs(1_700_000_000_123),
  },
  sessionKeyCached: true,
});

const server = new Server();
server.addService(toGrpcDefinition(IdentityService), {
  miniLogin: (_call: unknown, callback: (error: null, reply: unknown) => void) => {
    callback(null, reply);
  },
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  void sayReady({ grpc: `127.0.0.1:${port}` });
});
