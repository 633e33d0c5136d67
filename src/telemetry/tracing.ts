import { createRequire } from 'node:module';
import { FastifyOtelInstrumentation } from '@fastify/otel';
import { SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';

export interface Tracing {
  /** Sends what is still held, and ends. */
  close(): Promise<void>;
}

/**
 * Begins to trace: a span for each request, which goes on with the caller's trace (W3C Trace Context), with its handler and each SQL
 * statement to Postgres below it. OpenTelemetry's standard variables say where they go and which of them. Comes before the app is built.
 */
export function startTracing(): Tracing {
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'usher' }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [withoutWords(new BatchSpanProcessor(new OTLPTraceExporter()))],
  });
  provider.register();
  registerInstrumentations({
    instrumentations: [
      // A hook of ours takes microseconds: a span each would bury what takes milliseconds.
      new FastifyOtelInstrumentation({
        registerOnInitialization: true,
        instrumentHooks: false,
        recordExceptions: false,
        ignorePaths: ({ url }) => /^\/(livez|readyz)($|\?)/.test(url),
        requestHook: (span, { method, url, routeOptions }) => {
          span.updateName(`${method} ${routeOptions.url ?? ''}`.trim());
          span.setAttribute('url.path', url.split('?', 1)[0] as string);
        },
      }),
      new PgInstrumentation({ requireParentSpan: true, ignoreConnectSpans: true }),
    ],
  });
  // Instrumentations see what is required, not what is imported. It is the same module either way.
  createRequire(import.meta.url)('pg');
  return { close: () => provider.shutdown().catch(() => {}) };
}

/** Leaves out of every span what an error says: a driver's words carry values of the statement. */
function withoutWords(inner: SpanProcessor): SpanProcessor {
  return {
    onStart: (span, context) => inner.onStart(span, context),
    onEnd: (span) => inner.onEnd(wordless(span)),
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
}

const wordless = (span: ReadableSpan): ReadableSpan =>
  span.status.code === SpanStatusCode.ERROR
    ? Object.create(span, { status: { value: { code: SpanStatusCode.ERROR } }, events: { value: [] } })
    : span;
