import type { Server } from "node:http";
import { createTrust, parse, toName } from "./client-address.ts";

/** A mobile carrier puts thousands of people behind one address, each with a socket for a moment. */
const MAX_SOCKETS = 1_024;

/**
 * Closes a client's sockets beyond 1,024, so that nobody alone takes all that a gateway may have. Those of
 * TRUSTED_PROXIES are many clients', and only counted with all.
 */
export function limitSockets(server: Server, trustedProxies: readonly string[]): void {
  const isTrusted = createTrust(trustedProxies);
  const open = new Map<string, number>();
  server.on("connection", (socket) => {
    const peer = parse(socket.remoteAddress ?? "");
    if (!peer || isTrusted(peer)) return;
    const name = toName(peer);
    const count = open.get(name) ?? 0;
    if (count >= MAX_SOCKETS) {
      socket.destroy();
      return;
    }
    open.set(name, count + 1);
    socket.once("close", () => {
      const left = (open.get(name) ?? 0) - 1;
      if (left > 0) open.set(name, left);
      else open.delete(name);
    });
  });
}
