import { describe, expect, it, jest } from '@jest/globals';
import { RequestTimedOutError } from '../../../lib/errors/errors.js';
import { copyFile, moveFile, type WxCloudCopyOptions } from '../../../lib/storage/copy.js';
import { contextWith, idOf, objectWith, refusal } from '../../support/fake-bucket.js';

const SOURCE = {
  'content-type': 'image/png',
  'cache-control': 'max-age=60',
  'content-disposition': 'inline; filename="a.png"',
  'content-encoding': 'gzip',
  'x-cos-storage-class': 'STANDARD_IA',
  'x-cos-meta-fileid': 'signed:o1:from.png',
  'x-cos-meta-order': '%E7%8C%AB',
  'x-cos-request-id': 'r',
  'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
};

interface Copied {
  readonly fromKey: string;
  readonly toKey: string;
  readonly headers: Readonly<Record<string, string>>;
}

function bucketWith(source: Readonly<Record<string, string>> = SOURCE) {
  return {
    getObject: jest.fn(async () => objectWith(source)),
    copyObject: jest.fn(async (_call: Copied) => ({ etag: 'copied' })),
    deleteObject: jest.fn(async (_key: string) => {}),
  };
}

const copy = (
  bucket: object,
  options: WxCloudCopyOptions = {},
  context = contextWith(bucket as never),
) => copyFile(context, idOf('from.png'), 'to.png', options);

describe('copy', () => {
  it('keeps type and metadata, and signs the file ID anew for the same owner', async () => {
    const bucket = bucketWith();
    expect(await copy(bucket)).toEqual({
      fileId: idOf('to.png'),
      cloudPath: 'to.png',
      size: 3,
      contentType: 'image/png',
      etag: 'copied',
    });
    expect(bucket.copyObject.mock.calls).toHaveLength(1);
    const [[call]] = bucket.copyObject.mock.calls as [[Copied]];
    expect([call.fromKey, call.toKey]).toEqual(['from.png', 'to.png']);
    expect(call.headers).toEqual({
      'content-type': 'image/png',
      'cache-control': 'max-age=60',
      'content-disposition': 'inline; filename="a.png"',
      'content-encoding': 'gzip',
      'x-cos-storage-class': 'STANDARD_IA',
      'x-cos-meta-fileid': 'signed:o1:to.png',
      'x-cos-meta-order': '%E7%8C%AB',
      'x-cos-copy-source-if-match': '"e"',
    });
  });

  it.each<[string, WxCloudCopyOptions, Readonly<Record<string, string>>, string]>([
    ['of the option', { openid: 'o2' }, SOURCE, 'o2'],
    ['that the option takes away', { openid: '' }, SOURCE, ''],
    ['of an unsigned source', {}, { ...SOURCE, 'x-cos-meta-fileid': '' }, ''],
    ['of another path', {}, { ...SOURCE, 'x-cos-meta-fileid': 'signed:o1:b.png' }, ''],
  ])('signs the owner: %s', async (_, options, source, openid) => {
    const bucket = bucketWith(source);
    await copy(bucket, options);
    expect(bucket.copyObject.mock.calls[0]?.[0].headers['x-cos-meta-fileid']).toBe(
      `signed:${openid}:to.png`,
    );
  });

  it('begins again when the source is replaced meanwhile', async () => {
    const bucket = bucketWith();
    bucket.copyObject.mockRejectedValueOnce(refusal(412, 'PreconditionFailed'));
    await copy(bucket);
    expect(bucket.getObject).toHaveBeenCalledTimes(2);
  });

  it('gives up when the source is replaced again and again', async () => {
    const bucket = bucketWith();
    const error = refusal(412, 'PreconditionFailed');
    bucket.copyObject.mockRejectedValue(error);
    await expect(copy(bucket)).rejects.toBe(error);
    expect(bucket.copyObject).toHaveBeenCalledTimes(3);
  });

  it('repeats an error document that is transient', async () => {
    const bucket = bucketWith();
    bucket.copyObject.mockRejectedValueOnce(refusal(200, 'InternalError'));
    await copy(bucket);
    expect(bucket.copyObject).toHaveBeenCalledTimes(2);
  });

  it('rejects for a missing source', async () => {
    const bucket = bucketWith();
    bucket.getObject.mockRejectedValue(refusal(404));
    await expect(copy(bucket)).rejects.toMatchObject({ code: 'WX_CLOUD_FILE_NOT_FOUND' });
    expect(bucket.copyObject).not.toHaveBeenCalled();
  });

  it.each([
    ['after an error', refusal(500)],
    [
      'after a timeout',
      new RequestTimedOutError({ phase: 'headers', endpoint: 'e', timeoutMs: 1 }),
    ],
  ])('reports a copy that may exist %s', async (_, error) => {
    const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
    const bucket = bucketWith();
    bucket.copyObject.mockRejectedValue(error);
    await expect(copy(bucket, {}, contextWith(bucket, { onOrphan }))).rejects.toBe(error);
    expect(onOrphan.mock.calls).toEqual([[[idOf('to.png')]]]);
    expect(bucket.deleteObject).not.toHaveBeenCalled();
  });

  it.each([
    ['deletes a copy that may exist', refusal(500), ['to.png']],
    ['deletes nothing after a refusal', refusal(400, 'InvalidRequest'), []],
  ])('%s at a unique path', async (_, error, deleted) => {
    const bucket = bucketWith();
    bucket.copyObject.mockRejectedValue(error);
    await expect(copy(bucket, { uniquePath: true })).rejects.toBe(error);
    expect(bucket.deleteObject.mock.calls.map(([key]) => key)).toEqual(deleted);
    expect(bucket.getObject).toHaveBeenCalledTimes(1);
  });

  it('never deletes a file that was copied onto itself', async () => {
    const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
    const bucket = bucketWith();
    bucket.copyObject.mockRejectedValue(refusal(500));
    const context = contextWith(bucket, { onOrphan });
    const call = copyFile(context, idOf('a'), 'a', { uniquePath: true });
    await expect(call).rejects.toMatchObject({ retryable: true });
    expect([onOrphan.mock.calls, bucket.deleteObject.mock.calls]).toEqual([[], []]);
  });

  it.each<[string, string, WxCloudCopyOptions, string]>([
    ['a foreign source', 'cloud://other.b/a', {}, 'WX_CLOUD_FILE_ID_INVALID'],
    ['an owner with a line break', idOf('a'), { openid: 'a\r\nb' }, 'WX_CLOUD_ARGUMENT_INVALID'],
    ['a uniquePath of 1', idOf('a'), { uniquePath: 1 as never }, 'WX_CLOUD_ARGUMENT_INVALID'],
  ])('refuses %s before any request', async (_, fileId, options, code) => {
    const bucket = bucketWith();
    const call = copyFile(contextWith(bucket), fileId, 'to.png', options);
    await expect(call).rejects.toMatchObject({ code });
    expect(bucket.getObject).not.toHaveBeenCalled();
  });

  it.each(['/to.png', '', 'a/../b'])('refuses the path "%s" before any request', async path => {
    const bucket = bucketWith();
    await expect(copyFile(contextWith(bucket), idOf('a'), path, {})).rejects.toMatchObject({
      code: 'WX_CLOUD_PATH_INVALID',
    });
    expect(bucket.getObject).not.toHaveBeenCalled();
  });

  it('names the right that the keys lack', async () => {
    const bucket = bucketWith();
    bucket.copyObject.mockRejectedValue(refusal(403, 'AccessDenied'));
    await expect(copy(bucket)).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      message: expect.stringContaining('name/cos:PutObjectCopy'),
    });
  });
});

describe('move', () => {
  it('copies, then deletes the source', async () => {
    const bucket = bucketWith();
    const stored = await moveFile(contextWith(bucket), idOf('from.png'), 'to.png', {});
    expect(stored.fileId).toBe(idOf('to.png'));
    expect(bucket.deleteObject.mock.calls.map(([key]) => key)).toEqual(['from.png']);
  });

  it('reports a source that cannot be deleted', async () => {
    const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
    const bucket = bucketWith();
    bucket.deleteObject.mockRejectedValue(refusal(500));
    const context = contextWith(bucket, { onOrphan });
    await moveFile(context, idOf('from.png'), 'to.png', {});
    expect(onOrphan.mock.calls).toEqual([[[idOf('from.png')]]]);
  });

  it('keeps the source when the copy fails', async () => {
    const bucket = bucketWith();
    bucket.copyObject.mockRejectedValue(refusal(400, 'InvalidRequest'));
    const call = moveFile(contextWith(bucket), idOf('from.png'), 'to.png', {});
    await expect(call).rejects.toMatchObject({ upstreamStatus: 400 });
    expect(bucket.deleteObject).not.toHaveBeenCalled();
  });

  it('refuses the path of the file itself', async () => {
    const call = moveFile(contextWith(bucketWith()), idOf('from.png'), 'from.png', {});
    await expect(call).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
  });
});
