import { describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator } from '../../lib/emulator/index.js';
import type { WxCloudStorageOptions } from '../../lib/index.js';
import { afterThisTest } from '../support/after-test.js';
import { startStorage } from '../support/storage.js';

describe('a bucket with many files', () => {
  it('lists 10,000 with 10 requests, and deletes 1,000 with one', async () => {
    const emulator = await startWxCloudEmulator();
    afterThisTest(() => emulator.close());
    const { storage } = await startStorage({
      env: emulator.env,
      auth: { type: 'open-api-service' },
      apiBaseUrl: emulator.sidecarUrl,
      cos: { bucket: emulator.bucket, endpoint: emulator.cosEndpoint },
    } as Partial<WxCloudStorageOptions>);
    const paths = Array.from({ length: 10_000 }, (_, index) => String(index).padStart(5, '0'));
    await Promise.all(paths.map(path => storage.upload(path, '', { timeoutMs: 170_000 })));
    const fileIds: string[] = [];
    for await (const entry of storage.list()) {
      fileIds.push(`cloud://${emulator.env}.${emulator.bucket}/${entry.cloudPath}`);
    }
    expect(fileIds.map(fileId => fileId.slice(-5))).toEqual(paths);

    const outcomes = await storage.deleteMany(fileIds.slice(0, 1_000));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(emulator.objects).toHaveLength(9_000);
    const counts = ['list-objects', 'delete-objects', 'delete-object', 'delete-files'].map(
      name => emulator.journal.filter(({ operation }) => operation === name).length,
    );
    expect(counts).toEqual([10, 1, 0, 0]);
  });
});
