import { expect, inject, it } from "vitest";
import { createDirectoryClient, createIdentityClient } from "../../src/client.ts";
import { toSimulatorConfig } from "../../src/config.ts";
import { startWechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { startProcess } from "../support/process.ts";
import { CALLER, CALLER_SECRET } from "../support/service.ts";
import { createSurroundings } from "./surroundings.ts";

const PROCESSES = 3;

/** Three identity processes over one WeChat, which counts. */
async function startThree(redisUrl: string | undefined) {
  await using opened = new AsyncDisposableStack();
  const around = opened.use(await createSurroundings(inject("template")));
  const simulator = opened.use(await startWechatSimulator(toSimulatorConfig(around.env)));
  const env = {
    ...around.env,
    ...(redisUrl ? { REDIS_URL: redisUrl } : {}),
    RPC_CALLERS: CALLER,
    WX_API_BASE_URL: simulator.url,
    LOG_LEVEL: "info",
  };
  const processes = Array.from({ length: PROCESSES }, () =>
    opened.use(startProcess("identity", { env, cwd: around.cwd })),
  );
  const targets = await Promise.all(
    processes.map(async (identity) => (await identity.ready()).grpc ?? ""),
  );
  const settings = targets.map((target) => ({ target, timeoutMs: 30_000 }));
  const clients = settings.map((it) =>
    opened.adopt(createIdentityClient(it), (client) => client.close()),
  );
  const directories = settings.map((it) =>
    opened.adopt(createDirectoryClient({ ...it, secret: CALLER_SECRET }), (client) =>
      client.close(),
    ),
  );
  const owned = opened.move();
  return { simulator, clients, directories, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

it("asks WeChat once for the token of 1,000 cold callers on three processes", async () => {
  await using service = await startThree(undefined);
  const { simulator, clients, directories } = service;
  const login = await clients[0]?.miniLogin({ code: simulator.issueCode("alice") });
  const userId = login?.user?.id ?? 0n;
  const checks = Array.from({ length: 1_000 }, (_, i) =>
    directories[i % PROCESSES]?.checkSessionKey({ userId }),
  );
  const replies = await Promise.all(checks);
  expect(replies.every((reply) => reply?.valid)).toBe(true);
  expect(simulator.tokenCalls).toBe(1);
});

it("asks once for each process when Redis is away", async () => {
  await using service = await startThree("redis://127.0.0.1:1");
  const { simulator, clients } = service;
  const people = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const client = clients[i % PROCESSES];
      const login = await client?.miniLogin({ code: simulator.issueCode(`person-${i}`) });
      return { client, token: login?.accessToken ?? "", phone: `138000${10_000 + i}` };
    }),
  );
  const bound = people.map(({ client, token, phone }) =>
    client?.bindPhone({ code: simulator.issuePhoneCode(phone) }, { token }),
  );
  expect(await Promise.all(bound)).toHaveLength(60);
  expect(simulator.tokenCalls).toBeGreaterThanOrEqual(1);
  expect(simulator.tokenCalls).toBeLessThanOrEqual(PROCESSES);
});
