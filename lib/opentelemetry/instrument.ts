import { channel, tracingChannel, type ChannelListener } from 'node:diagnostics_channel';
import { diag, metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import { OPERATIONS } from './operations.js';
import { OperationMetrics } from './operation-metrics.js';
import { OperationSpans } from './operation-spans.js';

/** Options of the instrumentation. */
export interface WxCloudInstrumentationOptions {
  /**
   * Creates the tracer of the spans.
   * @defaultValue the global one, also if it is registered later
   */
  readonly tracerProvider?: TracerProvider | undefined;
  /**
   * Creates the meter of the metrics.
   * @defaultValue the global one at the time of the call
   */
  readonly meterProvider?: MeterProvider | undefined;
}

/** An instrumentation that runs. */
export interface WxCloudInstrumentation {
  /**
   * Stops it. Spans that have begun are not ended, and raw spans of HTTP clients, whose addresses
   * hold access tokens, are no longer suppressed. Can be called again.
   */
  stop(): void;
}

/** Name of the tracer and the meter. */
const SCOPE = 'nestjs-wx-cloud-storage';

/** Where the package asks for the context of work: see `runInContext`. */
const CONTEXT_CHANNEL = 'wx-cloud-storage:context';
/** Where it tells of uploads that are recorded as pending. */
const PENDING_CHANNEL = 'wx-cloud-storage:pending';
/** Where the instrumentation that runs is kept, as this package may be loaded twice. */
const RUNNING = Symbol.for('nestjs-wx-cloud-storage:instrumentation');

/** The instrumentation that runs in this process. */
const shared = globalThis as { [RUNNING]?: WxCloudInstrumentation | undefined };

/**
 * Makes spans and metrics of all operations of this process, and suppresses the spans that
 * instrumentations of HTTP clients would make of its requests: their addresses hold access tokens
 * and signatures. Call it once, after the SDK of OpenTelemetry was started and before the
 * application is created; while one runs, another call returns that one.
 * @returns a handle that stops it
 * @example
 * ```ts
 * import { instrumentWxCloudStorage } from 'nestjs-wx-cloud-storage/opentelemetry';
 *
 * const instrumentation = instrumentWxCloudStorage();
 *
 * process.once('beforeExit', () => instrumentation.stop());
 * ```
 */
export function instrumentWxCloudStorage({
  tracerProvider = trace.getTracerProvider(),
  meterProvider = metrics.getMeterProvider(),
}: WxCloudInstrumentationOptions = {}): WxCloudInstrumentation {
  const running = shared[RUNNING];
  if (running !== undefined) {
    diag.warn(
      'nestjs-wx-cloud-storage is instrumented already; the first instrumentation goes on.',
    );
    return running;
  }
  const spans = new OperationSpans(tracerProvider.getTracer(SCOPE));
  const measures = new OperationMetrics(meterProvider.getMeter(SCOPE));
  const stops: (() => void)[] = [];
  const listen = (to: ReturnType<typeof channel>, handle: ChannelListener): void => {
    const listener: ChannelListener = (message, name) => {
      try {
        handle(message, name);
      } catch (error) {
        // A channel would end the process, because e.g. a sampler of the application throws.
        diag.error('nestjs-wx-cloud-storage: a span or a metric is lost.', error);
      }
    };
    to.subscribe(listener);
    stops.push(() => to.unsubscribe(listener));
  };
  for (const operation of OPERATIONS) {
    const { start, asyncEnd } = tracingChannel(`wx-cloud-storage:${operation}`);
    listen(start, event => spans.start(operation, event as object));
    listen(asyncEnd, event =>
      measures.record(operation, event as object, spans.end(event as object)),
    );
  }
  listen(channel(CONTEXT_CHANNEL), message => spans.provideContext(message as never));
  listen(channel(PENDING_CHANNEL), message => measures.countPending(message as never));
  const instrumentation: WxCloudInstrumentation = {
    stop: () => {
      if (shared[RUNNING] !== instrumentation) return;
      shared[RUNNING] = undefined;
      for (const stop of stops) stop();
      measures.stop();
    },
  };
  shared[RUNNING] = instrumentation;
  return instrumentation;
}
