import { createServer } from "node:http";
import type { Address } from "./config.ts";
import { closeServer, listen } from "./listen.ts";
import type { Metrics } from "./metrics.ts";

/** What a part of the process says about itself. */
export interface Health {
  /** False takes the process out of the balancing. */
  ready: boolean;
  /** The state of each thing that it needs, as `postgres: up`. */
  parts: Record<string, "up" | "degraded" | "down">;
}

/** What is told of a process. */
export interface OpsSource {
  metrics: Pick<Metrics, "render" | "contentType">;
  health(): Promise<Health>;
}

export interface OpsServer {
  address: Address;
  close(): Promise<void>;
}

/** `/healthz` (the process lives), `/readyz` (it can work), `/metrics`; never on a public address. */
export async function startOpsServer(
  address: Address,
  { metrics, health }: OpsSource,
): Promise<OpsServer> {
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 10_000 },
    async (req, res) => {
      const send = (status: number, body: string, type = "application/json") => {
        res.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
      };
      try {
        const path = req.url?.split("?")[0];
        if (path === "/healthz") return send(200, '{"status":"ok"}');
        if (path === "/metrics") return send(200, await metrics.render(), metrics.contentType);
        if (path !== "/readyz") return send(404, '{"status":"not found"}');
        const { ready, parts } = await health();
        send(ready ? 200 : 503, JSON.stringify({ ready, parts }));
      } catch {
        send(500, '{"status":"failed"}');
      }
    },
  );
  const real = await listen(server, address);
  return { address: real, close: () => closeServer(server) };
}
