import cluster from "node:cluster";
import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
} from "prom-client";

export type CallLabel = "method" | "wire" | "reason";

export interface RpcMetrics {
  /** Seconds of each call, by method, wire and reason (`OK` for none). */
  calls: Histogram<CallLabel>;
}

/** What the process waits for. */
export interface PartMetrics {
  /** Seconds of each call to WeChat, by path and reason (`OK` for none). */
  wechat: Histogram<"path" | "reason">;
  /** 1 while a part is left alone because it failed too often. */
  broken: Gauge<"part">;
  /** Seconds of each wait for a database connection. */
  databaseWait: Histogram;
  /** Login codes by what was done about them. */
  exchanges: Counter<"outcome">;
  /** Nicknames and avatars by what WeChat said to them. */
  contentChecks: Counter<"kind" | "outcome">;
}

export interface HttpMetrics {
  /** Seconds of each request, by route, status and reason (`OK` for none). */
  requests: Histogram<"route" | "status" | "reason">;
}

export interface Metrics {
  rpc: RpcMetrics;
  parts: PartMetrics;
  http: HttpMetrics;
  /** Prometheus' text format. */
  render(): Promise<string>;
  contentType: string;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The metrics of one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (cluster.isWorker) {
    // Answers the primary, which asks all workers.
    AggregatorRegistry.setRegistries([registry]);
    new AggregatorRegistry();
  }
  collectDefaultMetrics({ register: registry });
  const seconds = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers });
  return {
    rpc: {
      calls: seconds("identity_rpc_seconds", "Time of a call from its arrival to its reply.", [
        "method",
        "wire",
        "reason",
      ]),
    },
    parts: {
      wechat: seconds("identity_wechat_seconds", "Time of a call to WeChat.", ["path", "reason"]),
      broken: new Gauge({
        name: "identity_part_broken",
        help: "1 while a part is left alone because it failed too often.",
        labelNames: ["part"],
        aggregator: "max",
        registers,
      }),
      databaseWait: seconds("identity_database_wait_seconds", "Wait for a connection.", []),
      exchanges: new Counter({
        name: "identity_login_codes_total",
        help: "Login codes by what was done about them.",
        labelNames: ["outcome"],
        registers,
      }),
      contentChecks: new Counter({
        name: "identity_content_checks_total",
        help: "Nicknames and avatars by what WeChat said to them.",
        labelNames: ["kind", "outcome"],
        registers,
      }),
    },
    http: {
      requests: seconds("gateway_http_seconds", "Time of a request to its answer.", [
        "route",
        "status",
        "reason",
      ]),
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** Those of all workers in one: sums, but for what is each one's own. */
export function createWorkerMetrics(): Pick<Metrics, "render" | "contentType"> {
  const registry = new AggregatorRegistry();
  return { render: () => registry.clusterMetrics(), contentType: registry.contentType };
}
