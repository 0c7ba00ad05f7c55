import { formatAddress } from "../src/listen.ts";
import { createMetrics } from "../src/metrics.ts";
import { startOpsServer } from "../src/ops-server.ts";

/** Serves the metrics and says where, with the other addresses, as the roles of main.ts do. */
export async function sayReady(
  addresses: Readonly<Record<string, string>>,
  moreMetrics: () => string = () => "",
): Promise<void> {
  const metrics = createMetrics();
  const render = async () => (await metrics.render()) + moreMetrics();
  const health = async () => ({ ready: true, parts: {} });
  const address = { host: "127.0.0.1", port: 0 };
  const ops = await startOpsServer(address, { metrics: { ...metrics, render }, health });
  const ready = { event: "ready", addresses: { ...addresses, ops: formatAddress(ops.address) } };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}
