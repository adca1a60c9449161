import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { BodyParts } from '../../../lib/body/body-parts.js';
import { ChunkBuffer } from '../../../lib/body/chunk-buffer.js';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorOptions,
} from '../../../lib/emulator/index.js';
import type { WxCloudStorageOptions, WxCloudStorageService } from '../../../lib/index.js';
import { startStorage } from '../../support/storage.js';
import { listUnfinishedUploads, PART_BYTES } from '../../support/ways.js';

const CHUNK_BYTES = 65_536;

let emulator: WxCloudEmulator;
let onOrphan: jest.Mock<(fileIds: readonly string[]) => void>;

/** The ways of a stream to the storage, and where bytes get lost. */
const WAYS: ReadonlyArray<
  readonly [string, bytes: number, start: typeof startForms, lose: () => void]
> = [
  ['in one form', 3 * CHUNK_BYTES, startForms, loseKept],
  ['in one request to the bucket', 3 * CHUNK_BYTES, startDirect, () => loseCut(1)],
  ['in parts, before the first one', 3 * PART_BYTES, startDirect, () => loseCut(1)],
  ['in parts, between two', 3 * PART_BYTES, startDirect, () => loseCut(2)],
  ['as a whole, as parts are denied', 3 * PART_BYTES, startWithoutParts, () => loseCut(1)],
];

type Denials = NonNullable<WxCloudEmulatorOptions['cos']>;

async function startWith(
  cos: Denials,
  toOptions: (emulator: WxCloudEmulator) => object,
): Promise<WxCloudStorageService> {
  onOrphan = jest.fn();
  emulator = await startWxCloudEmulator({ cos });
  const options = { ...toOptions(emulator), onOrphan };
  return (await startStorage(options as Partial<WxCloudStorageOptions>)).storage;
}

function startForms(): Promise<WxCloudStorageService> {
  return startWith({}, ({ options }) => options);
}

function startDirect(cos: Denials = {}): Promise<WxCloudStorageService> {
  return startWith(cos, ({ env, bucket, sidecarUrl, cosEndpoint }) => ({
    env,
    auth: { type: 'open-api-service' },
    apiBaseUrl: sidecarUrl,
    cos: { bucket, endpoint: cosEndpoint, partBytes: PART_BYTES },
  }));
}

function startWithoutParts(): Promise<WxCloudStorageService> {
  return startDirect({ denied: ['upload-part'] });
}

/** Loses a chunk of those that are kept. */
function loseKept(): void {
  const keep = ChunkBuffer.prototype.tryAppend;
  let seen = 0;
  jest.spyOn(ChunkBuffer.prototype, 'tryAppend').mockImplementation(function (
    this: ChunkBuffer,
    chunk,
  ) {
    seen += 1;
    return seen === 2 || keep.call(this, chunk);
  });
}

/** Loses the first chunk of a part. */
function loseCut(index: number): void {
  const cut = BodyParts.prototype.next;
  let parts = 0;
  jest.spyOn(BodyParts.prototype, 'next').mockImplementation(async function (
    this: BodyParts,
    sizeOf,
  ) {
    parts += 1;
    await (parts === index ? this.rest.next() : undefined);
    return cut.call(this, sizeOf);
  });
}

function* chunksOf(bytes: number): Generator<Buffer> {
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) yield randomBytes(CHUNK_BYTES);
}

function countOf(operation: string): number {
  return emulator.journal.filter(entry => entry.operation === operation).length;
}

describe('upload of a stream whose bytes get lost on the way', () => {
  afterEach(async () => {
    jest.restoreAllMocks();
    await emulator.close();
  });

  it.each(WAYS)('fails and leaves nothing: %s', async (_, bytes, start, lose) => {
    const storage = await start();
    lose();
    await expect(
      storage.upload('a', Readable.from(chunksOf(bytes)), { uniquePath: true }),
    ).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_INCOMPLETE',
      message: expect.stringContaining(`${bytes - CHUNK_BYTES} bytes, but ${bytes} bytes`),
      retryable: false,
    });
    expect(emulator.objects).toEqual([]);
    expect(countOf('complete-multipart-upload')).toBe(0);
    await expect(listUnfinishedUploads(emulator)).resolves.toEqual([]);
    expect(onOrphan).not.toHaveBeenCalled();
  });

  it.each(WAYS)('keeps what was at the path: %s', async (_, bytes, start, lose) => {
    const storage = await start();
    await storage.upload('a', 'before');
    lose();
    await expect(storage.upload('a', Readable.from(chunksOf(bytes)))).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_INCOMPLETE',
    });
    await expect(emulator.readObject('a')).resolves.toEqual(Buffer.from('before'));
    expect(onOrphan).not.toHaveBeenCalled();
  });
});
