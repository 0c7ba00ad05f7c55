import type { Server } from "node:http";
import type { AddressInfo, Server as NetServer } from "node:net";
import type { Address } from "./config.ts";
import { StartError } from "./start-error.ts";

/** How long the calls under way have when a server is closed. */
export const DRAIN_TIMEOUT_MS = 10_000;

/** What to say about an address that cannot be listened on. */
export function listenError(address: string, cause: Error): StartError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === "EADDRINUSE" ? "it is taken" : (code ?? "is it taken?");
  return new StartError(`cannot listen on ${address}: ${why}`, { cause });
}

/** Listens and tells the real address (the asked port may be 0). Rejects with StartError. */
export function listen(server: NetServer, { host, port }: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(listenError(formatAddress({ host, port }), error));
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      resolve({ host, port: (server.address() as AddressInfo).port });
    });
  });
}

/** Takes no new connection, lets the running requests end, and cuts what is left after that. */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection kept alive becomes idle only after its last answer.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
