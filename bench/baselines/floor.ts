// A returning login with nothing around it, behind a bare grpc-js server.
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { IdentityService } from "../../src/gen/identity/v1/identity_service_pb.js";
import { toGrpcDefinition } from "../../src/grpc-definition.ts";
import { sayReady } from "../ready.ts";
import { login } from "./floor-login.ts";

const server = new Server();
server.addService(toGrpcDefinition(IdentityService), {
  miniLogin: (call: { request: { code: string } }, done: sendUnaryData<unknown>) => {
    login(call.request.code).then(
      (reply) => done(null, reply),
      (error: Error) => done(error),
    );
  },
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  void sayReady({ grpc: `127.0.0.1:${port}` });
});
