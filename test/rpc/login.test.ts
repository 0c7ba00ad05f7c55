import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestService } from "../support/service.ts";

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service?.[Symbol.asyncDispose]());

it("fills in a unionid that appears later, and keeps it when it is absent again", async () => {
  const stored = async () => {
    const [row] = await service.sql`
      select unionid from mini_accounts where app_id = ${service.appId}
      order by user_id desc limit 1`;
    return row?.unionid;
  };
  const login = () => service.grpc.miniLogin({ code: service.code("union") });
  await login();
  expect(await stored()).toBeNull();
  service.simulator.faults.set({ unionid: true });
  await login();
  const unionid = await stored();
  expect(unionid).toMatch(/^[A-Za-z0-9_-]{20,}$/);
  service.simulator.faults.clear();
  await login();
  expect(await stored()).toBe(unionid);
});

it("registers a new person and recognises them on every wire", async () => {
  const code = () => service.code("alice");
  const first = await service.grpc.miniLogin({
    code: code(),
    userInfo: { nickname: " Alice ", avatarUrl: "https://example.com/a.png" },
  });
  expect(first).toMatchObject({
    isNewUser: true,
    sessionKeyCached: true,
    expiresIn: 7_200n,
    refreshToken: expect.stringMatching(/^[A-Za-z0-9_-]{86}$/),
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
