import { describe, expect, it, jest } from '@jest/globals';
import { UploadRejectedError } from '../../../lib/errors/errors.js';
import type { UploadObjectCall } from '../../../lib/storage/call-options.js';
import {
  assertConditionHeld,
  uploadWithProperties,
} from '../../../lib/storage/upload-properties.js';
import { contextWith } from '../../support/fake-bucket.js';

type Properties = UploadObjectCall['properties'];

const STORED = { fileId: 'f', cloudPath: 'a', size: 1, contentType: 't', etag: 'e' };
const store = () => jest.fn(async (_properties: Properties) => STORED);

function rejection(upstreamStatus: number, cosCode?: string, retryable = false) {
  const parts = { cloudPath: 'a', response: 'r', requestId: 'id' };
  return new UploadRejectedError({ ...parts, upstreamStatus, cosCode, retryable });
}

describe('uploadWithProperties', () => {
  it.each<[object, Properties]>([
    [{}, undefined],
    [{ metadata: {}, createOnly: false, openid: '' }, undefined],
    [{ metadata: { a: 'b' } }, { headers: { 'x-cos-meta-a': 'b' }, openid: '' }],
    [{ createOnly: true }, { headers: { 'x-cos-forbid-overwrite': 'true' }, openid: '' }],
    [{ openid: 'o-1' }, { headers: {}, openid: 'o-1' }],
  ])('passes on %j', async (options, properties) => {
    const upload = store();
    expect(await uploadWithProperties(contextWith({}), options, upload)).toBe(STORED);
    expect(upload.mock.calls).toEqual([[properties]]);
  });

  it.each<[number, string | undefined]>([
    [409, 'FileAlreadyExists'],
    [409, 'PreconditionFailed'],
    [409, undefined],
    [412, 'FileAlreadyExists'],
  ])('explains the refusal of createOnly: %d %s', async (status, code) => {
    const upload = store();
    upload.mockRejectedValue(rejection(status, code));
    const call = uploadWithProperties(contextWith({}), { createOnly: true }, upload);
    await expect(call).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_EXISTS',
      upstreamStatus: status,
      requestId: 'id',
      endpoint: 'PUT object',
    });
  });

  it.each([
    ['a conflict for now', { createOnly: true }, rejection(409, 'OperationAborted', true)],
    ['a conflict without createOnly', { openid: 'o-1' }, rejection(409, 'FileAlreadyExists')],
    ['a denial without properties', {}, rejection(403, 'AccessDenied')],
    ['an error of the body', { createOnly: true }, new Error('a body')],
  ])('passes on %s', async (_, options, error) => {
    const upload = store();
    upload.mockRejectedValue(error);
    await expect(uploadWithProperties(contextWith({}), options, upload)).rejects.toBe(error);
  });

  it('is not supported when the keys may not put objects', async () => {
    const error = rejection(403, 'AccessDenied');
    const upload = store();
    upload.mockRejectedValue(error);
    const call = uploadWithProperties(contextWith({}), { openid: 'o-1' }, upload);
    await expect(call).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED', cause: error });
  });

  it.each([{ createOnly: 1 }, { openid: 1 }, { metadata: { fileid: 'x' } }])(
    'refuses %j before it uploads',
    async options => {
      const upload = store();
      const call = uploadWithProperties(contextWith({}), options as never, upload);
      await expect(call).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
      expect(upload).not.toHaveBeenCalled();
    },
  );
});

describe('assertConditionHeld', () => {
  const createOnly = { headers: { 'x-cos-forbid-overwrite': 'true' }, openid: '' };
  const versioned = (name: string): string | undefined => ({ 'x-cos-version-id': 'v1' })[name];

  it('rejects createOnly in a bucket with versions, and the next upload before it is sent', async () => {
    const context = contextWith({});
    expect(() => assertConditionHeld(context.cos, createOnly, versioned)).toThrow(
      expect.objectContaining({ code: 'WX_CLOUD_UNSUPPORTED' }),
    );
    const upload = store();
    await expect(uploadWithProperties(context, { createOnly: true }, upload)).rejects.toMatchObject(
      { code: 'WX_CLOUD_UNSUPPORTED' },
    );
    expect(upload).not.toHaveBeenCalled();
  });

  it.each([
    ['without createOnly', { headers: {}, openid: '' }, versioned],
    ['without properties', undefined, versioned],
    ['without versions', createOnly, () => undefined],
  ])('accepts an upload %s', (_, properties, header) => {
    expect(() => assertConditionHeld(contextWith({}).cos, properties, header)).not.toThrow();
  });
});
