import { describe, expect, it, jest } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { ownerOf } from '../../../lib/storage/owner.js';
import { BUCKET, contextWith, idOf, objectWith, refusal } from '../../support/fake-bucket.js';

const apiError = (errcode: number, retryable = false) =>
  new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'm', errcode, retryable });

function ask(metaId: string | undefined, decode?: unknown) {
  const headers = metaId === undefined ? {} : { 'x-cos-meta-fileid': metaId };
  const bucket = { getObject: async () => objectWith(headers) };
  const metaIds = decode === undefined ? {} : { decode: decode as never };
  return ownerOf(contextWith(bucket, { metaIds }), idOf('a/b.png'), {});
}

describe('ownerOf', () => {
  it('returns the user who is signed into the file', async () => {
    expect(await ask('signed:o1:a/b.png')).toEqual({ openid: 'o1' });
  });

  it.each([
    ['a file of the application', 'signed::a/b.png'],
    ['a file without a signed ID', undefined],
    ['an empty signed ID', ''],
    ['the signed ID of another file', 'signed:o1:a/c.png'],
  ])('returns undefined for %s', async (_, metaId) => {
    expect(await ask(metaId)).toBeUndefined();
  });

  it.each([
    [{ openid: 'o1', bucket: BUCKET, path: '/a/b.png' }, { openid: 'o1' }],
    [{ openid: 'o1', bucket: 'other-1', path: 'a/b.png' }, undefined],
  ])('compares bucket and path: %j', async (content, owner) => {
    expect(await ask('x', async () => content)).toEqual(owner);
  });

  it('returns undefined for a value that WeChat cannot read', async () => {
    expect(await ask('x', async () => Promise.reject(apiError(-501_007)))).toBeUndefined();
  });

  it('repeats a call that fails for now', async () => {
    const decode = jest.fn(async () => ({ openid: 'o1', bucket: BUCKET, path: 'a/b.png' }));
    decode.mockRejectedValueOnce(apiError(-1, true));
    expect(await ask('x', decode)).toEqual({ openid: 'o1' });
  });

  it.each([
    ['that goes on failing', apiError(-1, true)],
    [
      'without permission',
      new WxCloudStorageError({
        code: 'WX_CLOUD_CREDENTIAL_REFUSED',
        message: 'm',
        errcode: 48_001,
      }),
    ],
    [
      'without a connection',
      new WxCloudStorageError({ code: 'WX_CLOUD_CONNECTION_FAILED', message: 'm' }),
    ],
  ])('rejects after a call %s', async (_, error) => {
    await expect(ask('x', async () => Promise.reject(error))).rejects.toBe(error);
  });

  it('rejects for a missing file', async () => {
    const bucket = { getObject: async () => Promise.reject(refusal(404)) };
    await expect(ownerOf(contextWith(bucket), idOf('a'), {})).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_NOT_FOUND',
    });
  });

  it.each([
    ['the option cos', contextWith(undefined), 'Set the option cos'],
    ['the sidecar', contextWith({}, { metaIds: { decode: undefined } }), "'container'"],
  ])('is not supported without %s', async (_, context, message) => {
    await expect(ownerOf(context, idOf('a'), {})).rejects.toMatchObject({
      code: 'WX_CLOUD_UNSUPPORTED',
      message: expect.stringContaining(message),
    });
  });
});
