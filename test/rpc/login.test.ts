import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

it("registers a new person and recognises them on every wire", async () => {
  const code = () => service.code("alice");
  const first = await service.grpc.miniLogin({
    code: code(),
    userInfo: { nickname: " Alice ", avatarUrl: "https://example.com/a.png" },
  });
  expect(first).toMatchObject({
    isNewUser: true,
    sessionKeyCached: true,
    expiresIn: 604_800n,
    refreshToken: "",
    user: { nickname: "Alice", avatarUrl: "https://example.com/a.png", version: 1n },
  });
  expect(first.user?.username).toMatch(/^wx_[a-z2-7]{16}$/);
  for (const client of [service.connect, service.grpcWeb, service.identity.client]) {
    const again = await client.miniLogin({ code: code(), userInfo: { nickname: "Mallory" } });
    expect(again).toMatchObject({
      isNewUser: false,
      user: { id: first.user?.id, nickname: "Alice", username: first.user?.username },
    });
  }
});
