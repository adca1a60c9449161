// This package in an application with OpenTelemetry, without `instrumentWxCloudStorage()`: a span
// for each request, and undici's own spans, which show access tokens.
import { context, SpanKind, trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { startTelemetry } from '../support/telemetry.mjs';
import { startWith } from './ours.mjs';

/** Starts the contestant; `instrument` adds to the telemetry, and returns a function that ends. */
export async function startStock(cloud, instrument) {
  const telemetry = startTelemetry();
  const undici = new UndiciInstrumentation();
  undici.setTracerProvider(telemetry.tracerProvider);
  undici.setMeterProvider(telemetry.meterProvider);
  const stop = instrument(telemetry);
  const middleware = [serverSpans(telemetry.tracerProvider.getTracer('bench'))];
  const { url, close } = await startWith(cloud, {}, {}, { middleware });
  return {
    url,
    close: async () => {
      await close();
      stop();
      undici.disable();
      await telemetry.stop();
    },
  };
}

/** Makes a span of each request, as instrumentations of servers do. */
function serverSpans(tracer) {
  return (request, response, next) => {
    const attributes = { 'http.request.method': request.method };
    const span = tracer.startSpan(request.method, { kind: SpanKind.SERVER, attributes });
    response.once('close', () => {
      span.setAttribute('http.response.status_code', response.statusCode);
      span.end();
    });
    context.with(trace.setSpan(context.active(), span), next);
  };
}

/** Starts the contestant. */
export function start(cloud) {
  return startStock(cloud, () => () => {});
}
