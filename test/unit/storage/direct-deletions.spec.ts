import { describe, expect, it, jest } from '@jest/globals';
import type { DeletedKey } from '../../../lib/storage/cos/cos-bucket.js';
import type { WxCloudDeleteOutcome } from '../../../lib/storage/delete.js';
import { deleteDirectly } from '../../../lib/storage/direct-deletions.js';
import { contextWith, type FakeBucket, idOf, refusal } from '../../support/fake-bucket.js';

const filesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => fileAt(`f${String(index)}`));
const fileAt = (cloudPath: string) => ({ fileId: idOf(cloudPath), cloudPath });
const { signal } = new AbortController();

function bucketWith(errors: Readonly<Record<string, Error>> = {}) {
  return {
    deleteObject: jest.fn(async (_key: string) => {}),
    deleteObjects: jest.fn(async (keys: readonly string[]): Promise<readonly DeletedKey[]> =>
      keys.map(key => ({ key, error: errors[key] })),
    ),
  };
}

const states = (outcomes: readonly (WxCloudDeleteOutcome | undefined)[]) =>
  outcomes.map(outcome => outcome?.ok);
const work = (bucket: FakeBucket, count: number) =>
  deleteDirectly(contextWith(bucket), filesOf(count), signal);

describe('deleteDirectly', () => {
  it('deletes 1000 files in one request', async () => {
    const bucket = bucketWith();
    expect(new Set(states(await work(bucket, 1_000)))).toEqual(new Set([true]));
    expect(bucket.deleteObjects).toHaveBeenCalledTimes(1);
  });

  it('deletes 1001 files in two requests, and one file alone', async () => {
    const bucket = bucketWith();
    expect(await work(bucket, 1_001)).toHaveLength(1_001);
    expect(bucket.deleteObjects).toHaveBeenCalledTimes(1);
    expect(bucket.deleteObject.mock.calls.map(([key]) => key)).toEqual(['f1000']);
  });

  it('names a key once that is given twice', async () => {
    const bucket = bucketWith();
    const files = ['a', 'b', 'a'].map(fileAt);
    const outcomes = await deleteDirectly(contextWith(bucket), files, signal);
    expect(states(outcomes)).toEqual([true, true, true]);
    expect(bucket.deleteObjects.mock.calls.map(([keys]) => keys)).toEqual([['a', 'b']]);
  });

  it('deletes a file alone whose path no XML can hold', async () => {
    const bucket = bucketWith();
    const files = ['a', '\uffff', 'b'].map(fileAt);
    const outcomes = await deleteDirectly(contextWith(bucket), files, signal);
    expect(states(outcomes)).toEqual([true, true, true]);
    expect(bucket.deleteObjects.mock.calls.map(([keys]) => keys)).toEqual([['a', 'b']]);
    expect(bucket.deleteObject.mock.calls.map(([key]) => key)).toEqual(['\uffff']);
  });

  it('repeats only the keys that fail for now', async () => {
    const bucket = bucketWith();
    const error = refusal(500, 'InternalError');
    bucket.deleteObjects.mockImplementationOnce(async () => [
      { key: 'f0', error: undefined },
      { key: 'f1', error },
      { key: 'f2', error },
    ]);
    expect(states(await work(bucket, 3))).toEqual([true, true, true]);
    expect(bucket.deleteObjects.mock.calls.map(([keys]) => keys)).toEqual([
      ['f0', 'f1', 'f2'],
      ['f1', 'f2'],
    ]);
  });

  it('gives each file its own error, after all attempts', async () => {
    const error = refusal(500, 'InternalError');
    const bucket = bucketWith({ f1: error, f2: error });
    const outcomes = await work(bucket, 3);
    expect(outcomes).toEqual([
      { fileId: idOf('f0'), ok: true },
      { fileId: idOf('f1'), ok: false, error },
      { fileId: idOf('f2'), ok: false, error },
    ]);
    expect(bucket.deleteObjects).toHaveBeenCalledTimes(3);
  });

  it('gives every file the error of a failed request', async () => {
    const bucket = bucketWith();
    bucket.deleteObjects.mockRejectedValue(refusal(404, 'NoSuchBucket'));
    expect(states(await work(bucket, 2))).toEqual([false, false]);
    expect(bucket.deleteObjects).toHaveBeenCalledTimes(1);
  });

  it('leaves files to other ways when the keys lack the right, and remembers that', async () => {
    const bucket = bucketWith();
    bucket.deleteObject.mockRejectedValue(refusal(403, 'AccessDenied'));
    bucket.deleteObjects.mockRejectedValue(refusal(403, 'AccessDenied'));
    const context = contextWith(bucket);
    for (let count = 0; count < 2; count += 1) {
      expect(await deleteDirectly(context, filesOf(1), signal)).toEqual([undefined]);
      expect(await deleteDirectly(context, filesOf(2), signal)).toEqual([undefined, undefined]);
    }
    expect(bucket.deleteObject).toHaveBeenCalledTimes(1);
    expect(bucket.deleteObjects).toHaveBeenCalledTimes(1);
  });

  it('leaves a single file to other ways that the keys may not delete', async () => {
    const bucket = bucketWith({ f1: refusal(403, 'AccessDenied') });
    expect(states(await work(bucket, 3))).toEqual([true, undefined, true]);
  });

  it('leaves all files to other ways without the option cos', async () => {
    const outcomes = await deleteDirectly(contextWith(undefined), filesOf(2), signal);
    expect(outcomes).toEqual([undefined, undefined]);
  });

  it('rejects with the reason of an aborted signal', async () => {
    const caller = new AbortController();
    const bucket = bucketWith();
    bucket.deleteObject.mockImplementation(async () => {
      caller.abort(new Error('enough'));
      throw refusal(500);
    });
    const call = deleteDirectly(contextWith(bucket), filesOf(1), caller.signal);
    await expect(call).rejects.toThrow('enough');
  });
});
