import { readdir, readFile } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Context } from "hono";
import type { ExtraRoutes } from "../gateway/app.ts";
import type { GatewayEnv } from "../gateway/env.ts";
import { GatewayError } from "../gateway/errors.ts";
import type { WechatSimulator } from "./wechat-simulator.ts";

/** Where `npm run demo` puts it. */
const BUILT = fileURLToPath(new URL("../../mini/dist/h5/", import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

const HEADERS = {
  "cache-control": "no-cache",
  // Taro's components bring their styles along in script, and avatars may lie anywhere.
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
    "img-src 'self' http: https: blob: data:; connect-src 'self' blob: data:; font-src 'self' data:; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

const NOT_BUILT = `<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>mini-identity</title>
<p>演示页面还没有构建。运行 <code>npm run demo</code>，再刷新本页。</p>
<p lang="en">The demo is not built yet. Run <code>npm run demo</code> and reload this page.</p>
</html>
`;

/**
 * The mini program in a browser, at `/demo/`, and what WeChat would give it there:
 * `GET /demo/code?person=…` a login code, `GET /demo/phone-code?phone=…` one of the phone button.
 */
export function createDemo(
  simulator: Pick<WechatSimulator, "issueCode" | "issuePhoneCode">,
  folder = BUILT,
): ExtraRoutes {
  return (app) => {
    app.get("/demo", (c) => c.redirect("/demo/"));
    app.get("/demo/", (c) => serve(c, folder, "index.html", () => c.html(NOT_BUILT, 404, HEADERS)));
    app.get("/demo/code", (c) => {
      return c.text(simulator.issueCode(query(c, "person", /^.{1,128}$/u)));
    });
    app.get("/demo/phone-code", (c) => {
      return c.text(simulator.issuePhoneCode(query(c, "phone", /^\d{4,15}$/)));
    });
    app.get("/demo/:file{.+}", (c) => serve(c, folder, c.req.param("file"), refuse));
  };
}

/** Only a name that the folder has is read: no path leads out of it. */
async function serve(
  c: Context<GatewayEnv>,
  folder: string,
  name: string,
  missing: () => Response,
): Promise<Response> {
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  const type = TYPES[extname(name)];
  if (!type || !names.includes(name.replaceAll("/", sep))) return missing();
  const bytes = new Uint8Array(await readFile(join(folder, name)));
  return c.body(bytes, 200, { ...HEADERS, "content-type": type });
}

function refuse(): never {
  throw new GatewayError("ROUTE_NOT_FOUND");
}

function query(c: Context<GatewayEnv>, field: string, pattern: RegExp): string {
  const value = c.req.query(field) ?? "";
  if (!pattern.test(value)) throw new GatewayError("INVALID_FIELD", { field });
  return value;
}
