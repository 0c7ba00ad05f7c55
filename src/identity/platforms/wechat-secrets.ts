import type { WechatCredentials } from "./wechat.ts";
import { errcodeOf } from "./wechat-errors.ts";

/** WeChat's "invalid appsecret": judged before anything else, so that no code is spent. */
const INVALID_SECRET = 40125;

/**
 * Calls with the secret that worked last, and with the app's others when WeChat does not know it:
 * while a secret is being replaced nobody knows the moment at which WeChat changes over.
 */
export type WithSecret = <T>(
  app: WechatCredentials,
  call: (secret: string) => Promise<T>,
) => Promise<T>;

export function createWithSecret(): WithSecret {
  const working = new Map<string, string>();
  return async ({ appId, secrets }, call) => {
    const last = working.get(appId);
    const inOrder = secrets.toSorted((a, b) => Number(b === last) - Number(a === last));
    for (const [i, secret] of inOrder.entries()) {
      try {
        const reply = await call(secret);
        working.set(appId, secret);
        return reply;
      } catch (error) {
        if (i === inOrder.length - 1 || errcodeOf(error) !== INVALID_SECRET) throw error;
      }
    }
    throw new Error("a mini program without a secret");
  };
}
