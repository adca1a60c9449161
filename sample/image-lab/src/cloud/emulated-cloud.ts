import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';
import type { Cloud } from './cloud.js';

/**
 * Starts the emulator in this process. It stores objects in a temporary folder that is deleted on
 * close.
 */
export async function openEmulatedCloud(): Promise<Cloud> {
  const dataDir = await mkdtemp(join(tmpdir(), 'image-lab-'));
  const emulator = await startWxCloudEmulator({ dataDir });
  const close = async (): Promise<void> => {
    await emulator.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  let closed: Promise<void> | undefined;
  return {
    mode: 'emulator',
    env: emulator.options.env,
    description: `No WX_APPID, WX_SECRET and WX_ENV_ID: using the emulator at ${emulator.url}; nothing leaves this machine.`,
    imageSources: [emulator.url],
    uploadTargets: [emulator.url],
    storageOptions: emulator.options,
    // As inside a container, whose sidecar has the keys of the bucket.
    cosOptions: {
      env: emulator.env,
      auth: { type: 'open-api-service' },
      apiBaseUrl: emulator.sidecarUrl,
      cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint },
      ticketKey: randomUUID(),
    },
    requestsAbout: wanted =>
      emulator.journal.filter(({ cloudPaths = [] }) =>
        cloudPaths.some(path => wanted.includes(path)),
      ),
    close: () => (closed ??= close()),
  };
}
