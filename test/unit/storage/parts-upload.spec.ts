import { describe, expect, it, jest } from '@jest/globals';
import type { BodyPart, BodyParts } from '../../../lib/body/body-parts.js';
import { PartSizes } from '../../../lib/storage/cos/part-sizes.js';
import { PartsUpload } from '../../../lib/storage/parts-upload.js';
import { contextWith, idOf } from '../../support/fake-bucket.js';

/** A part, and the number of times that it was released. */
function newPart(): BodyPart & { readonly dispose: jest.Mock<() => Promise<void>> } {
  const dispose = jest.fn(async () => {});
  return {
    size: 1,
    md5: 'm',
    isLast: false,
    open: () => Buffer.alloc(1),
    dispose,
    recycle: async () => {},
  };
}

describe('PartsUpload', () => {
  it('releases a part that was still being read when another one failed', async () => {
    const context = contextWith({
      createMultipartUpload: async () => ({ uploadId: 'u', startedAt: undefined }),
      uploadPart: jest
        .fn<() => Promise<object>>()
        .mockResolvedValueOnce({ partNumber: 1, etag: 'e' })
        .mockRejectedValueOnce(new Error('the second part failed')),
    });
    const [first, second, third] = [newPart(), newPart(), newPart()];
    let finishReading = (_part: BodyPart): void => {};
    const parts = {
      next: jest
        .fn<() => Promise<BodyPart>>()
        .mockResolvedValueOnce(second)
        .mockReturnValueOnce(new Promise(resolve => (finishReading = resolve))),
    };
    const cos = { ...context.cos, partSizes: new PartSizes(1_048_576, 4_194_304) };
    const upload = new PartsUpload(context, cos, parts as unknown as BodyParts, {
      cloudPath: 'a',
      fileId: idOf('a'),
      headers: Promise.resolve({}),
      properties: undefined,
      isPathUnique: true,
      onBytes: undefined,
      countedBytes: undefined,
      signal: new AbortController().signal,
    });

    await expect(upload.run(first)).rejects.toThrow('the second part failed');
    await upload.dispose();
    expect(second.dispose).toHaveBeenCalledTimes(1);
    finishReading(third);
    await new Promise(setImmediate);

    expect(third.dispose).toHaveBeenCalledTimes(1);
  });
});
