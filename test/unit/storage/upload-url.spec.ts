import { describe, expect, it, jest } from '@jest/globals';
import { createUploadUrl, type WxCloudUploadUrlOptions } from '../../../lib/storage/upload-url.js';
import { contextWith, idOf } from '../../support/fake-bucket.js';

const expiresAt = new Date(0);
const bucketWith = () => ({
  presign: jest.fn(async (_call: object) => ({ url: 'https://bucket/signed', expiresAt })),
});

describe('createUploadUrl', () => {
  it('signs type and file ID', async () => {
    const bucket = bucketWith();
    const options = { contentType: 'image/png', expiresInSeconds: 60, openid: 'o1' };
    const headers = { 'content-type': 'image/png', 'x-cos-meta-fileid': 'signed:o1:a.png' };
    expect(await createUploadUrl(contextWith(bucket), 'a.png', options)).toEqual({
      url: 'https://bucket/signed',
      method: 'PUT',
      headers,
      fileId: idOf('a.png'),
      expiresAt,
    });
    expect(bucket.presign.mock.calls[0]?.[0]).toMatchObject({
      method: 'PUT',
      key: 'a.png',
      headers,
      expiresInSeconds: 60,
    });
  });

  it('lives 15 minutes and leaves the type open by default', async () => {
    const bucket = bucketWith();
    const { headers } = await createUploadUrl(contextWith(bucket), 'a', {});
    expect(headers).toEqual({ 'x-cos-meta-fileid': 'signed::a' });
    expect(bucket.presign.mock.calls[0]?.[0]).toMatchObject({ expiresInSeconds: 900 });
  });

  it.each([
    ['', /^cloud:\/\/[^/]+\/[^/]/],
    ['photos/', /\/photos\/.+/],
  ])('completes the path "%s" with a random name', async (path, pattern) => {
    const ids = new Set<string>();
    for (let count = 0; count < 2; count += 1) {
      const { fileId } = await createUploadUrl(contextWith(bucketWith()), path, {});
      expect(fileId).toMatch(pattern);
      ids.add(fileId);
    }
    expect(ids.size).toBe(2);
  });

  it.each<[string, WxCloudUploadUrlOptions, string]>([
    ['/a', {}, 'WX_CLOUD_PATH_INVALID'],
    ['a', { contentType: 'image' }, 'WX_CLOUD_ARGUMENT_INVALID'],
    ['a', { expiresInSeconds: 0 }, 'WX_CLOUD_ARGUMENT_INVALID'],
    ['a', { expiresInSeconds: 86_401 }, 'WX_CLOUD_ARGUMENT_INVALID'],
    ['a', { expiresInSeconds: 1.5 }, 'WX_CLOUD_ARGUMENT_INVALID'],
    ['a', { openid: ' ' }, 'WX_CLOUD_ARGUMENT_INVALID'],
  ])('refuses "%s" %j', async (path, options, code) => {
    const bucket = bucketWith();
    await expect(createUploadUrl(contextWith(bucket), path, options)).rejects.toMatchObject({
      code,
    });
    expect(bucket.presign).not.toHaveBeenCalled();
  });

  it('is not supported without the option cos', async () => {
    await expect(createUploadUrl(contextWith(undefined), 'a', {})).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
    });
  });

  it('is not supported while the keys may not store objects', async () => {
    const bucket = bucketWith();
    const context = contextWith(bucket);
    context.cos.rights.deny('put');
    await expect(createUploadUrl(context, 'a', {})).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      message: expect.stringContaining('name/cos:PutObject'),
    });
    expect(bucket.presign).not.toHaveBeenCalled();
  });
});
