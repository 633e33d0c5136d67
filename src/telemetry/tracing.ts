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
  /** Sends the remaining spans and stops tracing. */
  close(): Promise<void>;
}

/**
 * Starts tracing. Each request is a span, which continues the client's trace (W3C Trace Context)
 * and contains its handler and its SQL statements on Postgres. OpenTelemetry's standard environment
 * variables configure export and sampling. Call it before the app is built.
 */
export function startTracing(): Tracing {
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'usher' }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [withoutErrorTexts(new BatchSpanProcessor(new OTLPTraceExporter()))],
  });
  provider.register();
  registerInstrumentations({
    instrumentations: [
      // Usher's hooks take microseconds: spans for them would only hide the slow parts.
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
  // Instrumentations patch modules that are required, not imported. `pg` is the same module either
  // way.
  createRequire(import.meta.url)('pg');
  return { close: () => provider.shutdown().catch(() => {}) };
}

/**
 * Removes error texts from spans: the messages of a database driver quote values of the statement.
 */
function withoutErrorTexts(inner: SpanProcessor): SpanProcessor {
  return {
    onStart: (span, context) => inner.onStart(span, context),
    onEnd: (span) => inner.onEnd(withoutErrorText(span)),
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  };
}

const withoutErrorText = (span: ReadableSpan): ReadableSpan =>
  span.status.code === SpanStatusCode.ERROR
    ? Object.create(span, { status: { value: { code: SpanStatusCode.ERROR } }, events: { value: [] } })
    : span;
