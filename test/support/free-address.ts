import { createServer } from "node:net";
import { formatAddress, listen } from "../../src/listen.ts";

/** Host and port where nobody listens, for a process that is to come back to it. */
export async function freeAddress(): Promise<string> {
  const server = createServer();
  const address = await listen(server, { host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.close(resolve));
  return formatAddress(address);
}
