import { describe, expect, it, jest } from '@jest/globals';
import type { BodyPart, BodyParts } from '../../../lib/body/body-parts.js';
import { UploadRejectedError, WxCloudStorageError } from '../../../lib/errors/errors.js';
import { MOST_PARTS, PartSizes } from '../../../lib/storage/cos/part-sizes.js';
import { PartsUpload } from '../../../lib/storage/parts-upload.js';
import { until } from '../../support/until.js';
import { contextWith, idOf, refusal } from '../../support/fake-bucket.js';

const MIB = 1_048_576;
const STARTED_AT = new Date('2026-11-30T08:00:00Z');
const ENDED = new AbortController();
ENDED.abort(new WxCloudStorageError({ code: 'WX_CLOUD_REQUEST_ABORTED', message: 'ended.' }));

type Sent = { readonly partNumber: number; readonly signal: AbortSignal };
type Completion = { readonly parts: readonly { partNumber: number; etag: string }[] };

/** A bucket that stores everything. */
function makeBucket() {
  return {
    createMultipartUpload: jest.fn(async () => ({ uploadId: 'id', startedAt: STARTED_AT })),
    uploadPart: jest.fn(async ({ partNumber }: Sent) => ({ partNumber, etag: `e${partNumber}` })),
    completeMultipartUpload: jest.fn(async (_completion: Completion): Promise<object> => ({
      isStored: true,
      etag: 'whole',
      header,
    })),
    abortMultipartUpload: jest.fn(async (_key: string, _uploadId: string, _signal?: unknown) => {}),
    listMultipartUploads: jest.fn(async () => ({ uploads: [] as object[], next: undefined })),
    headObject: jest.fn(async (_key: string): Promise<object> => {
      throw refusal(404, 'NoSuchKey', 'HEAD object');
    }),
    deleteObject: jest.fn(async (_key: string, _signal?: unknown) => {}),
  };
}

const header = (): undefined => undefined;

/** A refusal of a request of an upload. */
function rejection(status: number, cosCode?: string): UploadRejectedError {
  return new UploadRejectedError({
    cloudPath: 'a',
    upstreamStatus: status,
    cosCode,
    response: `HTTP ${status}`,
    retryable: status >= 500,
    requestId: 'id',
  });
}

const failed = (error: Error, mayExist: boolean) => ({ isStored: false, error, mayExist });
const lost = () =>
  failed(
    new WxCloudStorageError({
      code: 'WX_CLOUD_CONNECTION_FAILED',
      message: 'lost.',
      retryable: true,
    }),
    true,
  );

/** Sets an upload of some parts of 1 MiB up, with a bucket that differs from the usual one. */
function setUp({
  count = 3,
  bucket: given = {},
  isPathUnique = true,
  signal = new AbortController().signal,
  untilWanted,
  countedBytes,
}: {
  readonly count?: number;
  readonly bucket?: object;
  readonly isPathUnique?: boolean;
  readonly signal?: AbortSignal;
  readonly untilWanted?: () => Promise<void>;
  readonly countedBytes?: () => number;
} = {}) {
  const bucket = { ...makeBucket(), ...given } as ReturnType<typeof makeBucket>;
  const context = contextWith(bucket);
  const cos = { ...context.cos, partSizes: new PartSizes(MIB, 64 * MIB) };
  const warn = jest.fn<(message: string) => void>();
  let made = 0;
  const released = jest.fn();
  const makePart = (): BodyPart => {
    made += 1;
    const release = async (): Promise<void> => void released();
    const facts = { size: MIB, md5: `md5 ${made}`, isLast: made === count };
    return { ...facts, open: () => Buffer.alloc(0), dispose: release, recycle: release };
  };
  const first = makePart();
  const onBytes = jest.fn();
  const upload = new PartsUpload(
    { ...context, cos, logger: { warn } as never },
    cos,
    { next: async () => makePart() } as unknown as BodyParts,
    {
      cloudPath: 'a',
      fileId: idOf('a'),
      headers: Promise.resolve({ 'x-cos-meta-fileid': 'signed' }),
      properties: undefined,
      isPathUnique,
      countedBytes,
      onBytes,
      untilWanted,
      signal,
    },
  );
  /** Uploads, and cleans up after a failure, as the caller does. */
  const run = async () => {
    try {
      return await upload.run(first);
    } catch (error) {
      await upload.dispose();
      await upload.cleanUp();
      throw error;
    }
  };
  return { bucket, cos, upload, run, warn, released, onBytes };
}

const listedBy = ({ completeMultipartUpload }: ReturnType<typeof makeBucket>) =>
  completeMultipartUpload.mock.calls.map(([{ parts }]) => parts.map(({ etag }) => etag));

describe('an upload in parts', () => {
  it('stores the object, releases each part, and reports the confirmed bytes', async () => {
    const { run, bucket, released, onBytes } = setUp();
    await expect(run()).resolves.toEqual({ etag: 'whole', size: 3 * MIB });
    expect(listedBy(bucket)).toEqual([['e1', 'e2', 'e3']]);
    expect(released).toHaveBeenCalledTimes(3);
    expect(onBytes.mock.calls).toEqual([[MIB], [MIB], [MIB]]);
    expect(bucket.abortMultipartUpload).not.toHaveBeenCalled();
  });

  it('lists parts by number, whatever the order of their confirmations', async () => {
    const confirmations = new Map<number, (part: object) => void>();
    const uploadPart = jest.fn(
      ({ partNumber }: Sent) =>
        new Promise<object>(resolve => confirmations.set(partNumber, resolve)),
    );
    const confirm = async (partNumber: number): Promise<void> => {
      await until(() => confirmations.has(partNumber), `part ${partNumber}`);
      confirmations.get(partNumber)?.({ partNumber, etag: `e${partNumber}` });
    };
    const { run, bucket } = setUp({ bucket: { uploadPart } });
    const [outcome] = await Promise.all([
      run(),
      confirm(1)
        .then(() => confirm(3))
        .then(() => confirm(2)),
    ]);
    expect(outcome).toMatchObject({ size: 3 * MIB });
    expect(listedBy(bucket)).toEqual([['e1', 'e2', 'e3']]);
  });

  it('repeats a part that fails for now, and lists it once', async () => {
    const { run, bucket } = setUp();
    bucket.uploadPart.mockRejectedValueOnce(rejection(503, 'SlowDown'));
    await run();
    expect(bucket.uploadPart.mock.calls.map(([{ partNumber }]) => partNumber)).toEqual([
      1, 1, 2, 3,
    ]);
    expect(listedBy(bucket)).toEqual([['e1', 'e2', 'e3']]);
  });

  it.each([
    ['createMultipartUpload', []],
    ['uploadPart', ['id']],
  ] as const)(
    'gives its parts back where the keys lack the right to it at the start: %s',
    async (method, expected) => {
      const { run, bucket, cos, upload } = setUp();
      bucket[method].mockRejectedValue(rejection(403, 'AccessDenied') as never);
      const outcome = (await run()) as { readonly denied: readonly BodyPart[] };
      expect(outcome.denied.map(({ md5 }) => md5)).toEqual(['md5 1', 'md5 2']);
      expect(cos.rights.isDenied('multipart')).toBe(true);
      await upload.cleanUp();
      const aborted = bucket.abortMultipartUpload.mock.calls.map(([, uploadId]) => uploadId);
      expect(aborted).toEqual(expected);
    },
  );

  it('fails where the right is taken away in the middle, and remembers that', async () => {
    const { run, bucket, cos, released } = setUp();
    bucket.uploadPart
      .mockResolvedValueOnce({ partNumber: 1, etag: 'e1' })
      .mockRejectedValue(rejection(403, 'AccessDenied'));
    await expect(run()).rejects.toMatchObject({ cosCode: 'AccessDenied' });
    expect(cos.rights.isDenied('multipart')).toBe(true);
    expect(bucket.abortMultipartUpload).toHaveBeenCalledWith('a', 'id', expect.anything());
    expect(bucket.completeMultipartUpload).not.toHaveBeenCalled();
    expect(released.mock.calls.length).toBeGreaterThanOrEqual(2);
  });

  it('aborts the parts where the right to complete them is missing', async () => {
    const { run, bucket, cos } = setUp();
    bucket.completeMultipartUpload.mockResolvedValue(failed(rejection(403, 'AccessDenied'), false));
    await expect(run()).rejects.toMatchObject({ cosCode: 'AccessDenied' });
    expect(cos.rights.isDenied('multipart')).toBe(true);
    expect(bucket.completeMultipartUpload).toHaveBeenCalledTimes(1);
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(1);
    expect(bucket.deleteObject).not.toHaveBeenCalled();
  });

  it('fails before anything is completed where bytes are missing', async () => {
    const { run, bucket } = setUp({ countedBytes: () => 3 * MIB + 1 });
    await expect(run()).rejects.toMatchObject({ code: 'WX_CLOUD_UPLOAD_INCOMPLETE' });
    expect(bucket.completeMultipartUpload).not.toHaveBeenCalled();
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['more than COS takes', MOST_PARTS + 1, { code: 'WX_CLOUD_FILE_TOO_LARGE' }, [0, 1]],
    ['as many as COS takes', MOST_PARTS, { size: MOST_PARTS * MIB }, [1, 0]],
  ] as const)('may have many parts: %s', async (_, count, expected, [completed, aborted]) => {
    const { run, bucket } = setUp({ count });
    await expect(run().catch((error: unknown) => error)).resolves.toMatchObject(expected);
    expect(bucket.uploadPart).toHaveBeenCalledTimes(MOST_PARTS);
    expect(bucket.completeMultipartUpload).toHaveBeenCalledTimes(completed);
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(aborted);
  });

  it('sends its last part only when the object is wanted', async () => {
    const refused = new Error('refused');
    const { run, bucket } = setUp({ untilWanted: () => Promise.reject(refused) });
    await expect(run()).rejects.toBe(refused);
    const sent = bucket.uploadPart.mock.calls.map(([{ partNumber }]) => partNumber);
    expect(sent).not.toContain(3);
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(1);
  });

  it('sends nothing for a caller that is gone', async () => {
    const { run, bucket } = setUp({ signal: ENDED.signal });
    await expect(run()).rejects.toBe(ENDED.signal.reason);
    expect(bucket.createMultipartUpload).not.toHaveBeenCalled();
  });
});

describe('a completion without a response', () => {
  const stored = {
    size: 3 * MIB,
    etag: 'found',
    lastModified: STARTED_AT,
    header: (name: string) => (name === 'x-cos-meta-fileid' ? 'signed' : undefined),
  };

  it('is settled by the headers of the object', async () => {
    const { run, bucket } = setUp();
    bucket.completeMultipartUpload.mockResolvedValue(lost());
    bucket.headObject.mockResolvedValue(stored);
    await expect(run()).resolves.toEqual({ etag: 'found', size: 3 * MIB });
    expect(bucket.completeMultipartUpload).toHaveBeenCalledTimes(1);
    expect(bucket.abortMultipartUpload).not.toHaveBeenCalled();
  });

  it('is repeated while there is no object, and settled when the upload is gone then', async () => {
    const { run, bucket } = setUp();
    bucket.completeMultipartUpload
      .mockResolvedValueOnce(lost())
      .mockResolvedValue(failed(rejection(404, 'NoSuchUpload'), false));
    bucket.headObject
      .mockRejectedValueOnce(refusal(404, 'NoSuchKey', 'HEAD object'))
      .mockResolvedValue(stored);
    await expect(run()).resolves.toMatchObject({ etag: 'found' });
    expect(bucket.completeMultipartUpload).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['of another size', { ...stored, size: MIB }, true, 1],
    ['with another file ID', { ...stored, header: () => 'other' }, true, 1],
    ['from before', { ...stored, lastModified: new Date(STARTED_AT.getTime() - 60_000) }, false, 0],
  ])('is not settled by an object %s', async (_, object, isPathUnique, deleted) => {
    const { run, bucket } = setUp({ isPathUnique });
    bucket.completeMultipartUpload.mockResolvedValue(lost());
    bucket.headObject.mockResolvedValue(object);
    await expect(run()).rejects.toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
    expect(bucket.completeMultipartUpload).toHaveBeenCalledTimes(3);
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(1);
    expect(bucket.deleteObject).toHaveBeenCalledTimes(deleted);
  });

  it('is no success for a caller that is gone meanwhile', async () => {
    const controller = new AbortController();
    const { run, bucket } = setUp({ signal: controller.signal });
    bucket.completeMultipartUpload.mockImplementation(async () => {
      controller.abort(ENDED.signal.reason);
      return { isStored: true, etag: 'whole', header };
    });
    await expect(run()).rejects.toBe(ENDED.signal.reason);
    expect(bucket.deleteObject).toHaveBeenCalledWith('a', expect.anything());
  });
});

describe('the clean-up of an upload in parts', () => {
  it('warns of parts that remain after a few attempts to abort them', async () => {
    const { run, bucket, warn } = setUp();
    bucket.uploadPart.mockRejectedValue(rejection(400, 'InvalidArgument'));
    bucket.abortMultipartUpload.mockRejectedValue(refusal(503, 'SlowDown', 'DELETE upload'));
    await expect(run()).rejects.toMatchObject({ cosCode: 'InvalidArgument' });
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(3);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('Parts of a failed upload to "a"')]]);
  });

  it('remembers that aborting is not permitted', async () => {
    const { run, bucket, warn, cos } = setUp();
    bucket.uploadPart.mockRejectedValue(rejection(400, 'InvalidArgument'));
    bucket.abortMultipartUpload.mockRejectedValue(refusal(403, 'AccessDenied', 'DELETE upload'));
    await expect(run()).rejects.toMatchObject({ cosCode: 'InvalidArgument' });
    expect(cos.rights.isDenied('abortUpload')).toBe(true);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('name/cos:AbortMultipartUpload')]]);
  });

  it.each([
    ['aborts uploads with lost IDs at its own path', true, ['lost'], 0],
    ['only warns of a lost ID at a path of others', false, [], 1],
  ])('%s', async (_, isPathUnique, aborted, warnings) => {
    const { run, bucket, warn } = setUp({ isPathUnique });
    bucket.createMultipartUpload.mockRejectedValueOnce(rejection(502));
    bucket.listMultipartUploads.mockResolvedValue({
      uploads: [
        { key: 'a', uploadId: 'lost' },
        { key: 'ab', uploadId: 'of another' },
      ],
      next: undefined,
    });
    await run();
    expect(bucket.abortMultipartUpload.mock.calls.map(([, id]) => id)).toEqual(aborted);
    expect(warn).toHaveBeenCalledTimes(warnings);
  });
});

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

describe('the parts of a failed upload', () => {
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
