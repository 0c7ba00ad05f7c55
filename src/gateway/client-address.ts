import { isIP } from "node:net";
import type { Context } from "hono";
import ipaddr from "ipaddr.js";
import type { GatewayEnv } from "./env.ts";

/** More hops than these are not looked at. */
const MAX_HOPS = 16;

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Tells whose request it is, as one name for each client: of IPv6 the /64 that a client may use up. */
export type ClientName = (c: Context<GatewayEnv>) => string;

/**
 * The client is the last hop that is not a trusted proxy: what stands before it in X-Forwarded-For,
 * the client could have written itself.
 */
export function createClientName(trustedProxies: readonly string[]): ClientName {
  const isTrusted = createTrust(trustedProxies);
  return (c) => {
    const peer = parse(c.env?.incoming?.socket.remoteAddress ?? "");
    if (!peer) return "unknown";
    const hops = (c.req.header("x-forwarded-for") ?? "").split(",").slice(-MAX_HOPS);
    let client = peer;
    for (const hop of hops.toReversed()) {
      const before = isTrusted(client) ? parse(hop.trim()) : undefined;
      if (!before) break;
      client = before;
    }
    return toName(client);
  };
}

/** Tells whether an address is one of TRUSTED_PROXIES. */
export function createTrust(trustedProxies: readonly string[]): (address: Address) => boolean {
  const trusted = trustedProxies.map((cidr) => ipaddr.parseCIDR(cidr));
  return (address) =>
    trusted.some(
      ([range, bits]) => range.kind() === address.kind() && address.match(range as never, bits),
    );
}

/** An IPv4 address in IPv6's clothes is itself. */
export function parse(text: string): Address | undefined {
  return isIP(text) ? ipaddr.process(text) : undefined;
}

/** One name for each client. */
export function toName(address: Address): string {
  if (address.kind() === "ipv4") return address.toString();
  return `${Buffer.from(address.toByteArray().slice(0, 8)).toString("hex")}/64`;
}
