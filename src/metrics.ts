import { collectDefaultMetrics, Histogram, Registry } from "prom-client";

export type CallLabel = "method" | "wire" | "reason";

export interface RpcMetrics {
  /** Seconds of each call, by method, wire and reason (`OK` for none). */
  calls: Histogram<CallLabel>;
}

export interface Metrics {
  rpc: RpcMetrics;
  /** Prometheus' text format. */
  render(): Promise<string>;
  contentType: string;
}

/** The metrics of one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const calls = new Histogram({
    name: "identity_rpc_seconds",
    help: "Time of a call from its arrival to its reply.",
    labelNames: ["method", "wire", "reason"] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return {
    rpc: { calls },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
