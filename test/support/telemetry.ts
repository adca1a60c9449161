import { afterEach, beforeEach } from '@jest/globals';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import {
  instrumentWxCloudStorage,
  type WxCloudInstrumentation,
} from '../../lib/opentelemetry/index.js';

/** The SDK of OpenTelemetry, with instrumentations of HTTP clients that record all they see. */
class Telemetry {
  readonly tracerProvider: BasicTracerProvider;
  readonly meterProvider: MeterProvider;
  readonly #spans = new InMemorySpanExporter();
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #instrumentations = [
    new UndiciInstrumentation(),
    // The emulator, in this process, gets the addresses of all requests.
    new HttpInstrumentation({ disableIncomingRequestInstrumentation: true }),
  ];

  /** Starts it. */
  constructor() {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    this.tracerProvider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(this.#spans)],
    });
    const exporter = this.#metrics;
    this.meterProvider = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })],
    });
    for (const instrumentation of this.#instrumentations) {
      instrumentation.setTracerProvider(this.tracerProvider);
      instrumentation.setMeterProvider(this.meterProvider);
      instrumentation.enable();
    }
  }

  /** All spans that have ended. */
  get spans(): readonly ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  /** Spans of the instrumentations of HTTP clients. */
  get rawSpans(): readonly ReadableSpan[] {
    return this.spans.filter(({ attributes }) => 'url.full' in attributes);
  }

  /** The addresses that these show. */
  get rawAddresses(): readonly unknown[] {
    return this.rawSpans.map(({ attributes }) => attributes['url.full']);
  }

  /** The names of a span and its parents, from the outermost one. */
  pathOf({ name, parentSpanContext }: ReadableSpan): string {
    const parent = this.spans.find(span => span.spanContext().spanId === parentSpanContext?.spanId);
    return parent === undefined ? name : `${this.pathOf(parent)} > ${name}`;
  }

  /** Collects all metrics. */
  async collectMetrics(): Promise<readonly MetricData[]> {
    this.#metrics.reset();
    await this.meterProvider.forceFlush();
    return this.#metrics
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  }

  /** Forgets what was recorded. */
  reset(): void {
    this.#spans.reset();
  }

  /** Stops it. */
  async stop(): Promise<void> {
    for (const instrumentation of this.#instrumentations) instrumentation.disable();
    await this.tracerProvider.shutdown();
    await this.meterProvider.shutdown();
    context.disable();
  }
}

/** The SDK of a test, and the instrumentation of this package on it. */
interface InstrumentedTest {
  readonly telemetry: Telemetry;
  readonly instrumentation: WxCloudInstrumentation;
}

/** Starts both before each test of a file, and stops them after it. */
export function useTelemetry(): InstrumentedTest {
  const started = {} as { -readonly [part in keyof InstrumentedTest]: InstrumentedTest[part] };
  beforeEach(() => {
    started.telemetry = new Telemetry();
    started.instrumentation = instrumentWxCloudStorage(started.telemetry);
  });
  afterEach(async () => {
    started.instrumentation.stop();
    await started.telemetry.stop();
  });
  return started;
}
