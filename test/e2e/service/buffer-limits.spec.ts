import { constants } from 'node:buffer';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { FILE_ID } from '../../support/scripted-cloud.js';
import { startScriptedStorage } from '../../support/storage.js';
import { until } from '../../support/until.js';

afterEach(() => void jest.restoreAllMocks());

/** A storage whose file claims a size and then sends a part of it. */
async function startWithFileOf(bytes: number) {
  const headers = { 'content-length': String(bytes), etag: '"0"' };
  return startScriptedStorage({ getObject: { headers, body: 'some', isUnfinished: true } });
}

describe('downloadBuffer', () => {
  it.each([
    // From Node 22 on the first is the largest safe integer, which no machine has memory for.
    ['as no buffer can be', Math.min(constants.MAX_LENGTH + 1, Number.MAX_SAFE_INTEGER)],
    ['as no machine has memory for', Number.MAX_SAFE_INTEGER],
  ])('rejects a file as large %s, and releases the connection', async (_, bytes) => {
    const { cloud, storage } = await startWithFileOf(bytes);
    await expect(
      storage.downloadBuffer(FILE_ID, { maxBytes: Number.MAX_SAFE_INTEGER }),
    ).rejects.toMatchObject({
      name: expect.stringMatching(/Error$/),
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      message: expect.stringContaining('downloadToFile'),
    });
    await until(() => cloud.aborted.includes('GET /get'), 'a released connection');
  });

  it('rejects when there is no memory, and releases the connection', async () => {
    const { cloud, storage } = await startWithFileOf(4_242);
    jest.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    await expect(storage.downloadBuffer(FILE_ID)).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      message: expect.stringContaining('4242 bytes'),
      cause: expect.any(RangeError),
    });
    await until(() => cloud.aborted.includes('GET /get'), 'a released connection');
  });

  it('rejects more than maxBytes, and releases the connection', async () => {
    const { cloud, storage } = await startWithFileOf(4_242);
    await expect(storage.downloadBuffer(FILE_ID, { maxBytes: 4_241 })).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
      limitBytes: 4_241,
    });
    await until(() => cloud.aborted.includes('GET /get'), 'a released connection');
  });
});
