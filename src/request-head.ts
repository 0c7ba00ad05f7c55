import type { IncomingMessage } from "node:http";

const HOST = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?$/;

/** RFC 9112, section 3.2: missing, twice or malformed is answered with 400. */
export function hasHost({ rawHeaders, headers }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === "host").length;
  const match = HOST.exec(headers.host ?? "");
  return count === 1 && match !== null && Number(match[1] ?? 0) <= 65_535;
}

/** A path with or without a query, and nothing that a URL cannot be made of. */
export function hasTarget({ url = "" }: IncomingMessage): boolean {
  return url.startsWith("/") && URL.canParse(`http://host${url}`);
}
