import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { Logger } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorCosOptions,
} from '../../../lib/emulator/index.js';
import type { WxCloudStorageOptions, WxCloudStorageService } from '../../../lib/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { startStorage } from '../../support/storage.js';
import { BUCKET, listUnfinishedUploads, PART_BYTES } from '../../support/ways.js';

const CONTENT = randomBytes(2 * PART_BYTES + 5);
const MD5 = createHash('md5').update(CONTENT).digest('hex');

interface Denied {
  readonly emulator: WxCloudEmulator;
  readonly storage: WxCloudStorageService;
  readonly warn: jest.Spied<Logger['warn']>;
  /** Uploads the content in chunks. */
  upload(cloudPath: string): Promise<unknown>;
  /** Counts requests. */
  countOf(operation: string): number;
}

/** Starts a service whose keys lack the right to some operations. */
async function startWithout(...denied: WxCloudEmulatorCosOptions['denied'] & {}): Promise<Denied> {
  const emulator = await startWxCloudEmulator({ cos: { denied } });
  afterThisTest(() => emulator.close());
  const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
  afterThisTest(() => warn.mockRestore());
  const { storage } = await startStorage({
    env: emulator.env,
    ...BUCKET.options(emulator),
  } as Partial<WxCloudStorageOptions>);
  return {
    emulator,
    storage,
    warn,
    upload: cloudPath =>
      storage.upload(cloudPath, Readable.from([CONTENT.subarray(0, 99), CONTENT.subarray(99)])),
    countOf: operation => emulator.journal.filter(entry => entry.operation === operation).length,
  };
}

describe('keys that may not complete uploads in parts', () => {
  it('fail an upload whose parts were sent, name the right, and leave no parts', async () => {
    const { emulator, upload } = await startWithout('complete-multipart-upload');
    const error = await upload('a').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
      cosCode: 'AccessDenied',
      endpoint: 'POST complete',
      message: expect.stringContaining(
        'The keys of cos.credentials lack the right name/cos:CompleteMultipartUpload: grant it to them. ' +
          'Until then files are sent in one request: upload this one again.',
      ),
    });
    expect(emulator.objects).toEqual([]);
    await expect(listUnfinishedUploads(emulator)).resolves.toEqual([]);
  });

  it('send the next file in one request', async () => {
    const { emulator, upload, countOf } = await startWithout('complete-multipart-upload');
    await upload('a').catch(() => {});
    await expect(upload('a')).resolves.toMatchObject({ size: CONTENT.byteLength, etag: MD5 });
    expect(emulator.objects).toMatchObject([{ cloudPath: 'a', fileIdAlive: true }]);
    expect([countOf('initiate-multipart-upload'), countOf('put-object')]).toEqual([1, 1]);
  });

  it('send the next file as a form if they may not do that either', async () => {
    const { upload, countOf } = await startWithout('complete-multipart-upload', 'put-object');
    await upload('a').catch(() => {});
    await expect(upload('a')).resolves.toMatchObject({ etag: MD5 });
    expect([countOf('initiate-multipart-upload'), countOf('post-object')]).toEqual([1, 1]);
  });
});

describe('keys that may not abort uploads in parts', () => {
  const RIGHT = 'name/cos:AbortMultipartUpload';

  it('leave the parts of a failed upload, which a warning with the right reports', async () => {
    const { emulator, upload, warn, storage } = await startWithout(
      'complete-multipart-upload',
      'abort-multipart-upload',
    );
    await expect(upload('a')).rejects.toMatchObject({ endpoint: 'POST complete' });
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toMatch(
      /^Parts of a failed upload to "a" remain in the bucket/,
    );
    expect(warn.mock.calls[0]?.[0]).toContain(`lack the right ${RIGHT}: grant it to them.`);
    await expect(listUnfinishedUploads(emulator)).resolves.toEqual(['a']);
    expect(storage.capabilities.sweepUnfinishedUploads).toBe(false);
  });

  it('end a sweep at the first upload, and name the right', async () => {
    const { emulator, upload, storage, countOf } = await startWithout('abort-multipart-upload');
    const effect = { kind: 'reset', at: 'answer' } as const;
    emulator.faults.add({ operation: 'initiate-multipart-upload', effect, times: 2 });
    await upload('a');
    await expect(storage.sweepUnfinishedUploads({ olderThanSeconds: 0 })).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      message: expect.stringMatching(
        /^sweepUnfinishedUploads is not permitted .+ COS refused name\/cos:AbortMultipartUpload\. /,
      ),
    });
    expect(countOf('abort-multipart-upload')).toBe(1);
    expect(storage.capabilities.sweepUnfinishedUploads).toBe(false);
    await expect(listUnfinishedUploads(emulator)).resolves.toEqual(['a', 'a']);
  });
});

describe('keys that may not store objects', () => {
  it('name the right where there is no other way', async () => {
    const { storage } = await startWithout('put-object');
    await expect(storage.upload('a', CONTENT, { cacheControl: 'no-store' })).rejects.toThrow(
      'name/cos:PutObject',
    );
  });
});
