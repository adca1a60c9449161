import { describe, expect, it, jest } from '@jest/globals';
import { sweepUnfinishedUploads } from '../../../lib/storage/sweep.js';
import { contextWith, refusal } from '../../support/fake-bucket.js';

const HOUR_MS = 3_600_000;
const uploadOf = (uploadId: string, ageMs: number) => ({
  key: `key-of-${uploadId}`,
  uploadId,
  initiated: new Date(Date.now() - ageMs),
});

/** A bucket with two pages of unfinished uploads. */
function bucketWith() {
  const next = { keyMarker: 'k', uploadIdMarker: 'u' };
  const first = [uploadOf('old', 3 * HOUR_MS), uploadOf('new', HOUR_MS)];
  return {
    listMultipartUploads: jest.fn(async ({ keyMarker }: { keyMarker?: string }) =>
      keyMarker === undefined
        ? { uploads: first, next }
        : { uploads: [uploadOf('older', 4 * HOUR_MS)], next: undefined },
    ),
    abortMultipartUpload: jest.fn(async (_key: string, _uploadId: string) => {}),
  };
}
const sweep = (bucket: object | undefined, olderThanSeconds = 7_200) =>
  sweepUnfinishedUploads(contextWith(bucket as never), { olderThanSeconds });
const abortedBy = (bucket: ReturnType<typeof bucketWith>) =>
  bucket.abortMultipartUpload.mock.calls.map(([key, uploadId]) => `${key} ${uploadId}`);

describe('sweepUnfinishedUploads', () => {
  it('aborts what is old enough, on every page, and counts it', async () => {
    const bucket = bucketWith();
    expect(await sweep(bucket)).toBe(2);
    expect(abortedBy(bucket)).toEqual(['key-of-old old', 'key-of-older older']);
  });

  it.each([
    ['ahead', 5 * HOUR_MS, 0],
    ['behind', -5 * HOUR_MS, 3],
  ])(
    'reckons by the clock of the storage where that of this machine is %s',
    async (_, ms, count) => {
      const bucket = bucketWith();
      const list = bucket.listMultipartUploads.getMockImplementation() as ReturnType<
        typeof bucketWith
      >['listMultipartUploads'];
      bucket.listMultipartUploads.mockImplementation(async page => ({
        ...(await list(page)),
        listedAt: new Date(Date.now() - ms),
      }));
      expect(await sweep(bucket)).toBe(count);
    },
  );

  it('goes on after an upload that cannot be aborted, and rejects at the end', async () => {
    const bucket = bucketWith();
    const error = refusal(400, 'InvalidRequest');
    bucket.abortMultipartUpload.mockRejectedValueOnce(error);
    await expect(sweep(bucket)).rejects.toBe(error);
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(2);
  });

  it('ends as soon as an abort is not permitted', async () => {
    const bucket = bucketWith();
    bucket.abortMultipartUpload.mockRejectedValue(refusal(403, 'AccessDenied'));
    await expect(sweep(bucket)).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED' });
    expect(bucket.abortMultipartUpload).toHaveBeenCalledTimes(1);
    expect(bucket.listMultipartUploads).toHaveBeenCalledTimes(1);
  });

  it('repeats what fails for now', async () => {
    const bucket = bucketWith();
    bucket.listMultipartUploads.mockRejectedValueOnce(refusal(503));
    bucket.abortMultipartUpload.mockRejectedValueOnce(refusal(503));
    expect(await sweep(bucket)).toBe(2);
  });

  it('ends when the list does not advance', async () => {
    const next = { keyMarker: 'k', uploadIdMarker: 'u' };
    const listMultipartUploads = async () => ({ uploads: [], next });
    await expect(sweep({ listMultipartUploads })).rejects.toMatchObject({
      code: 'WX_CLOUD_RESPONSE_MALFORMED',
    });
  });

  it.each([-1, Number.NaN, Infinity, '7200' as never])('refuses %s', async given => {
    const bucket = bucketWith();
    await expect(sweep(bucket, given)).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
    expect(bucket.listMultipartUploads).not.toHaveBeenCalled();
  });

  it('is not supported without the option cos, or the right', async () => {
    await expect(sweep(undefined)).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED' });
    const bucket = bucketWith();
    bucket.listMultipartUploads.mockRejectedValue(refusal(403, 'AccessDenied'));
    await expect(sweep(bucket)).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED' });
  });
});
