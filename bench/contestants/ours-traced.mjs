// This package with `instrumentWxCloudStorage()`: spans and metrics of every upload.
import { instrumentWxCloudStorage } from 'nestjs-wx-cloud-storage/opentelemetry';
import { startTelemetry } from '../support/telemetry.mjs';
import { startWith } from './ours.mjs';

/** Starts the contestant. */
export async function start(cloud) {
  const telemetry = startTelemetry();
  const instrumentation = instrumentWxCloudStorage(telemetry);
  const { url, close } = await startWith(cloud, {});
  return {
    url,
    close: async () => {
      await close();
      instrumentation.stop();
      await telemetry.stop();
    },
  };
}
