import type { Context } from "hono";

const REFERER = /^https:\/\/servicewechat\.com\/([A-Za-z0-9_-]{4,64})\/[^/]+\/page-frame\.html$/;

/**
 * The mini program that sent a request. WeChat adds the Referer to every request of one; its code
 * cannot change it.
 */
export function readReferer(c: Context): string | undefined {
  return REFERER.exec(c.req.header("referer") ?? "")?.[1];
}

/** Of the User-Agent, in this order: an iPad also calls itself a Mac, and Android a Linux. */
const DEVICES: readonly (readonly [RegExp, string])[] = [
  [/wechatdevtools/i, "微信开发者工具"],
  [/\b(iPhone|iPad|iPod)\b/, "$1"],
  [/\b(?:OpenHarmony|HarmonyOS)\b/, "HarmonyOS"],
  [/Android [\d.]+; (?:[a-z]{2}[-_][A-Za-z]{2}; )?([^;)]{1,40}?)(?: Build\/[^;)]*)?[;)]/, "$1"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMacintosh\b/, "Mac"],
  [/\bLinux\b/, "Linux"],
];

/** What a person would know their device by; empty when the User-Agent does not tell. */
export function readDevice(c: Context): string {
  const agent = (c.req.header("user-agent") ?? "").slice(0, 512);
  for (const [pattern, name] of DEVICES) {
    const match = pattern.exec(agent);
    if (match) return name === "$1" ? (match[1] ?? "").trim() : name;
  }
  return "";
}
