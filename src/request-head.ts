import type { IncomingMessage } from "node:http";

const HOST = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?$/;

/**
 * RFC 9112, section 3.2: missing, twice or malformed is answered with 400. So is what only looks like a
 * host, as 256.256.256.256: a URL of it is made later, where nobody catches that it is none.
 */
export function hasHost({ rawHeaders, headers }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host").length;
  const host = headers.host ?? "";
  return count === 1 && HOST.test(host) && URL.canParse(`http://${host}`);
}

/** A path with or without a query, and nothing that a URL cannot be made of. */
export function hasTarget({ url = "" }: IncomingMessage): boolean {
  return url.startsWith("/") && URL.canParse(`http://host${url}`);
}
