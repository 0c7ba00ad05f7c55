import { createDirectoryClient, createIdentityClient } from "../src/client.ts";
import type { CodeSource } from "./codes.ts";
import { runLoad } from "./load.ts";
import { CALL_TIMEOUT_MS } from "./logins.ts";
import type { Scenario } from "./scenarios.ts";
import { CALLER_SECRET } from "./service-env.ts";
import type { Stage } from "./stage.ts";

/** The operations are of some people in turns, more than there are at a time: nobody does two things at once. */
const PEOPLE = 128;
const LOGINS_AT_ONCE = 16;

/** What identity does besides returning logins, over gRPC, one after another by each of some people. */
export function createOperations(
  opened: AsyncDisposableStack,
  { servers: { identity }, appId }: Stage,
  issueCodes: CodeSource,
  issueNewCodes: CodeSource,
): Scenario[] {
  const target = String(identity.addresses.grpc);
  const config = { target, timeoutMs: CALL_TIMEOUT_MS };
  const client = opened.adopt(createIdentityClient(config), (it) => it.close());
  const directory = opened.adopt(
    createDirectoryClient({ ...config, secret: CALLER_SECRET }),
    (it) => it.close(),
  );
  const refreshTokens = new Map<string, string>();
  /** Somebody's access token for each place in a round; refresh tokens go by it. */
  const logIn = async (count: number) => {
    const tokens: string[] = [];
    const signal = AbortSignal.timeout(60_000);
    const people = Math.min(count, PEOPLE);
    const take = async (code: string) => {
      const { accessToken, refreshToken } = await client.miniLogin({ code, appId });
      refreshTokens.set(accessToken, refreshToken);
      tokens.push(accessToken);
    };
    await runLoad(take, await issueCodes(people), { concurrency: LOGINS_AT_ONCE, signal });
    return Array.from({ length: count }, (_, index) => String(tokens[index % people]));
  };
  const operation = (name: string, perform: Scenario["perform"], prepare = logIn): Scenario => {
    return { name, kind: "operation", servers: [identity], prepare, perform };
  };
  return [
    operation(
      "a new person's login",
      async (code) => {
        const { isNewUser } = await client.miniLogin({ code, appId });
        if (!isNewUser) throw new Error("a new person was known");
      },
      issueNewCodes,
    ),
    operation("UpdateProfile", async (token) => {
      await client.updateProfile({ nickname: "微信用户" }, { token });
    }),
    operation("RefreshToken", async (person) => {
      const refreshToken = refreshTokens.get(person) ?? "";
      const reply = await client.refreshToken({ refreshToken });
      refreshTokens.set(person, reply.refreshToken);
    }),
    operation("VerifyToken", async (accessToken) => {
      await directory.verifyToken({ accessToken });
    }),
  ];
}
