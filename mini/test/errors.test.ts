import { expect, test } from "vitest";
import { IdentityError } from "../src/identity/errors";
import { answered, refused } from "./support/simulated-gateway";
import { ME, setUp } from "./support/simulated-taro";

async function failing(
  fault: Parameters<ReturnType<typeof setUp>["gateway"]["failNext"]>[1],
  options: Parameters<typeof setUp>[0] = {},
) {
  const { gateway, identity } = setUp(options);
  await identity.login();
  gateway.failNext(ME, fault);
  const error = await identity.getProfile().catch((caught: unknown) => caught);
  return { error, gateway };
}

test("an error tells what the service told", async () => {
  const { error } = await failing({
    ...refused(429, "RATE_LIMITED"),
    header: { "Retry-After": "12" },
  });
  expect(error).toBeInstanceOf(IdentityError);
  expect(error).toMatchObject({
    name: "IdentityError",
    reason: "RATE_LIMITED",
    message: "message of RATE_LIMITED",
    status: 429,
    requestId: "r-1",
    retryAfter: 12,
  });
});

test.each(["retry-after", "RETRY-AFTER", "Retry-after"])("%s is Retry-After", async (name) => {
  const { error } = await failing({ ...refused(503, "OVERLOADED"), header: { [name]: "1" } });
  expect(error).toMatchObject({ retryAfter: 1 });
});

test("a Retry-After that is no number of seconds is left out", async () => {
  const header = { "retry-after": "Wed, 25 Nov 2026 10:00:00 GMT" };
  const { error } = await failing({ ...refused(503, "OVERLOADED"), header });
  expect(error).toMatchObject({ reason: "OVERLOADED", retryAfter: undefined });
});

test("the request's id is also taken from the header", async () => {
  const { reason, message } = { reason: "INTERNAL", message: "m" };
  const header = { "X-Request-Id": "r-2" };
  const { error } = await failing({ statusCode: 500, header, data: { reason, message } });
  expect(error).toMatchObject({ requestId: "r-2" });
});

test.each([
  ["the page of a proxy", "<html>502 Bad Gateway</html>"],
  ["nothing", null],
  ["a list", []],
  ["JSON of somebody else", { error: "boom" }],
])("%s is BAD_RESPONSE with its status", async (_, data) => {
  const { error } = await failing(answered({ statusCode: 502, data }));
  expect(error).toMatchObject({
    reason: "BAD_RESPONSE",
    status: 502,
    message: "服务暂时不可用，请稍后再试",
  });
});

test("without an answer it is NETWORK, and WeChat's words are kept for developers", async () => {
  const { error } = await failing("unreachable");
  expect(error).toMatchObject({
    reason: "NETWORK",
    status: 0,
    message: "网络连接失败，请检查网络后重试",
    cause: { errMsg: "request:fail" },
  });
});

test("an answer without a status is no answer", async () => {
  const { error } = await failing({ statusCode: 0 });
  expect(error).toMatchObject({ reason: "NETWORK", status: 0 });
});

test("messages are in the language asked for, of the service too", async () => {
  const { error, gateway } = await failing("unreachable", { language: "en" });
  expect((error as Error).message).toMatch(/^There is no connection/);
  expect(gateway.to(ME)[0]?.header["accept-language"]).toBe("en");
  const { gateway: chinese } = await failing("unreachable");
  expect(chinese.to(ME)[0]?.header["accept-language"]).toBe("zh-CN");
});

test("a slash at the end of baseUrl does no harm", async () => {
  const { gateway } = await failing("unreachable", { baseUrl: "https://id.example.com/" });
  expect(gateway.count(ME)).toBe(1);
});
