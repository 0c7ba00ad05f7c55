import {
  type Attributes,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";

/** What a span is begun with. Nothing of it may be secret: no query string, token, code or key. */
export interface SpanStart {
  name: string;
  /** Of a request or call that comes in ("server"), or of one that we make ("client"). */
  kind: "server" | "client";
  attributes?: Attributes;
  /** The caller's span, as W3C Trace Context writes it; by default the span that is under way. */
  traceparent?: string | undefined;
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT };

/** Nothing is recorded until trace-export.ts has registered who records. */
const tracer = trace.getTracer("mini-identity");

/**
 * Runs work as a span. Of an error only its reason is told, as its text may be a driver's own.
 */
export async function traced<T>(
  { name, kind, attributes = {}, traceparent }: SpanStart,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = traceparent
    ? propagation.extract(context.active(), { traceparent })
    : context.active();
  return tracer.startActiveSpan(name, { kind: KINDS[kind], attributes }, parent, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      failed(span, (error as { reason?: unknown } | undefined)?.reason);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Marks a span as failed, for one of our reasons. */
export function failed(span: Span, reason: unknown): void {
  span.setAttribute("error.type", typeof reason === "string" ? reason : "INTERNAL");
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The span under way, for the next process: the header `traceparent`. Undefined where none is recorded. */
export function activeTraceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}
