import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { TracingConfig } from "./config.ts";

/** Spans wait for the collector in batches; what does not fit is dropped, never waited for. */
const BATCH = {
  maxQueueSize: 2_048,
  maxExportBatchSize: 512,
  scheduledDelayMillis: 1_000,
  exportTimeoutMillis: 2_000,
};

/**
 * Records spans and sends them to an OpenTelemetry collector by OTLP over HTTP, as protobuf. A collector that
 * is away costs spans and nothing else. Ends with the spans that wait sent, or given up after 2 s.
 */
export function startTraceExport({ url }: TracingConfig, role: string): AsyncDisposable {
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: BATCH.exportTimeoutMillis });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": `mini-identity-${role}` }),
    spanProcessors: [new BatchSpanProcessor({ exporter, ...BATCH })],
    spanLimits: { attributeValueLengthLimit: 1_024, attributeCountLimit: 32, eventCountLimit: 32 },
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return { [Symbol.asyncDispose]: () => provider.shutdown().catch(() => {}) };
}
