import { startWechatSimulator } from "../../src/dev/wechat-simulator.ts";

/** A mini program of the tests; `secret` is its only one. */
function miniApp(appId: string, secret: string) {
  return { appId, secret, secrets: [secret], unionScope: "main" };
}

export const APP = miniApp("wxaaaa", "0123456789abcdef");
export const OTHER = miniApp("wxbbbb", "fedcba9876543210");

/** A simulator of both. */
export function startSimulator(now: () => number = Date.now) {
  const listen = { host: "127.0.0.1", port: 0 };
  return startWechatSimulator({ listen, miniApps: [APP, OTHER] }, { now });
}
