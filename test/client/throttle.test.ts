import { Server, ServerCredentials } from "@grpc/grpc-js";
import { expect, it } from "vitest";
import { createIdentityClient } from "../../src/client.ts";
import { IdentityService } from "../../src/gen/identity/v1/identity_service_pb.js";
import { toGrpcDefinition } from "../../src/grpc-definition.ts";
import { IdentityError } from "../../src/identity/errors.ts";
import { toGrpcError } from "../../src/identity/rpc/grpc-server.ts";

it("asks ever less of an identity that refuses each call, for the method at issue", async () => {
  let asked = 0;
  const server = new Server();
  const refuse = (_call: unknown, callback: (error: object) => void) => {
    asked++;
    callback(toGrpcError(new IdentityError("OVERLOADED", "too much", { retryAfterMs: 1_000 })));
  };
  const definition = toGrpcDefinition(IdentityService);
  server.addService(
    definition,
    Object.fromEntries(Object.keys(definition).map((name) => [name, refuse])),
  );
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, port: number) => (error ? reject(error) : resolve(port));
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
  });
  const client = createIdentityClient({ target: `127.0.0.1:${port}`, timeoutMs: 10_000 });
  try {
    for (let round = 0; round < 30; round++) {
      const calls = Array.from({ length: 10 }, () => client.miniLogin({ code: "a-code" }));
      for (const result of await Promise.allSettled(calls)) {
        expect(result).toMatchObject({ reason: { reason: "OVERLOADED", retryAfterMs: 1_000 } });
      }
    }
    expect(asked).toBeLessThan(150);
    const before = asked;
    await expect(client.getProfile({})).rejects.toMatchObject({ reason: "OVERLOADED" });
    expect(asked).toBe(before + 1);
  } finally {
    client.close();
    server.forceShutdown();
  }
});
