import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { GatewayEnv } from "../env.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Identity of mini programs</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/initializer.js"></script>
</body>
</html>
`;

/** Without validatorUrl, Swagger UI would send the document's address to a site of its own. */
const INITIALIZER = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null,
});
`;

const SCRIPT = "text/javascript; charset=utf-8";
const PACKAGE_FILES = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": SCRIPT,
  "favicon-32x32.png": "image/png",
};

const HEADERS = {
  "cache-control": "public, max-age=3600",
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
};

/** A page to read and try the API, made of our own files only. */
export function addDocsRoutes(app: OpenAPIHono<GatewayEnv>): void {
  const { resolve } = createRequire(import.meta.url);
  app.get("/docs", (c) => c.html(PAGE, 200, HEADERS));
  serve("initializer.js", SCRIPT, new TextEncoder().encode(INITIALIZER));
  for (const [name, type] of Object.entries(PACKAGE_FILES)) {
    serve(name, type, new Uint8Array(readFileSync(resolve(`swagger-ui-dist/${name}`))));
  }

  function serve(name: string, type: string, bytes: Uint8Array<ArrayBuffer>): void {
    const headers = { ...HEADERS, "content-type": type };
    app.get(`/docs/${name}`, (c) => c.body(bytes, 200, headers));
  }
}
