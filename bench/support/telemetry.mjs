import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

/** Often enough to be part of a run. */
const EXPORT_MS = 1_000;

const DISCARDING = {
  export: (_, done) => done({ code: 0 }),
  selectAggregationTemporality: () => AggregationTemporality.CUMULATIVE,
  forceFlush: async () => {},
  shutdown: async () => {},
};

/** Starts the SDK of OpenTelemetry as applications do, with exporters that discard everything. */
export function startTelemetry() {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new BatchSpanProcessor(DISCARDING)],
  });
  const meterProvider = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({
        exporter: DISCARDING,
        exportIntervalMillis: EXPORT_MS,
        exportTimeoutMillis: EXPORT_MS,
      }),
    ],
  });
  const stop = async () => {
    await tracerProvider.shutdown();
    await meterProvider.shutdown();
  };
  return { tracerProvider, meterProvider, stop };
}
