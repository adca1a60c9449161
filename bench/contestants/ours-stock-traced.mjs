// The same with `instrumentWxCloudStorage()`, whose spans take the place of undici's own.
import { instrumentWxCloudStorage } from 'nestjs-wx-cloud-storage/opentelemetry';
import { startStock } from './ours-stock.mjs';

/** Starts the contestant. */
export function start(cloud) {
  return startStock(cloud, telemetry => {
    const instrumentation = instrumentWxCloudStorage(telemetry);
    return () => instrumentation.stop();
  });
}
