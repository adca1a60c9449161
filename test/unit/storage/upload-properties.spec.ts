import { describe, expect, it } from '@jest/globals';
import { UploadRejectedError } from '../../../lib/errors/errors.js';
import type { UploadObjectCall } from '../../../lib/storage/call-options.js';
import {
  assertConditionHeld,
  explainRefusal,
  toUploadProperties,
} from '../../../lib/storage/upload-properties.js';
import { contextWith } from '../../support/fake-bucket.js';

type Properties = UploadObjectCall['properties'];

function rejection(upstreamStatus: number, cosCode?: string, retryable = false) {
  const parts = { cloudPath: 'a', response: 'r', requestId: 'id' };
  return new UploadRejectedError({ ...parts, upstreamStatus, cosCode, retryable });
}

describe('toUploadProperties', () => {
  it.each<[object, Properties]>([
    [{}, undefined],
    [{ metadata: {}, createOnly: false, openid: '' }, undefined],
    [{ metadata: { a: 'b' } }, { headers: { 'x-cos-meta-a': 'b' }, openid: '' }],
    [{ createOnly: true }, { headers: { 'x-cos-forbid-overwrite': 'true' }, openid: '' }],
    [{ openid: 'o-1' }, { headers: {}, openid: 'o-1' }],
  ])('reads %j', (options, properties) => {
    expect(toUploadProperties(contextWith({}), options)).toEqual(properties);
  });

  it.each([{ createOnly: 1 }, { openid: 1 }, { metadata: { fileid: 'x' } }])(
    'refuses %j',
    options => {
      expect(() => toUploadProperties(contextWith({}), options as never)).toThrow(
        expect.objectContaining({ code: 'WX_CLOUD_ARGUMENT_INVALID' }),
      );
    },
  );
});

describe('explainRefusal', () => {
  const createOnly = { headers: { 'x-cos-forbid-overwrite': 'true' }, openid: '' };
  const owned = { headers: {}, openid: 'o-1' };

  it('passes on a stored file', async () => {
    await expect(explainRefusal(createOnly, Promise.resolve('stored'))).resolves.toBe('stored');
  });

  it.each<[number, string | undefined]>([
    [409, 'FileAlreadyExists'],
    [409, 'PreconditionFailed'],
    [409, undefined],
    [412, 'FileAlreadyExists'],
  ])('explains the refusal of createOnly: %d %s', async (status, code) => {
    const call = explainRefusal(createOnly, Promise.reject(rejection(status, code)));
    await expect(call).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_EXISTS',
      upstreamStatus: status,
      requestId: 'id',
      endpoint: 'PUT object',
    });
  });

  it.each<[string, Properties, Error]>([
    ['a conflict for now', createOnly, rejection(409, 'OperationAborted', true)],
    ['a conflict without createOnly', owned, rejection(409, 'FileAlreadyExists')],
    ['a denial without properties', undefined, rejection(403, 'AccessDenied')],
    ['an error of the body', createOnly, new Error('a body')],
  ])('passes on %s', async (_, properties, error) => {
    await expect(explainRefusal(properties, Promise.reject(error))).rejects.toBe(error);
  });

  it('says what is not supported when the keys may not put objects', async () => {
    const error = rejection(403, 'AccessDenied');
    const call = explainRefusal(owned, Promise.reject(error));
    await expect(call).rejects.toMatchObject({ code: 'WX_CLOUD_UNSUPPORTED', cause: error });
  });
});

describe('assertConditionHeld', () => {
  const createOnly = { headers: { 'x-cos-forbid-overwrite': 'true' }, openid: '' };
  const versioned = (name: string): string | undefined => ({ 'x-cos-version-id': 'v1' })[name];

  it('rejects createOnly in a bucket with versions, and the next upload before it is sent', () => {
    const context = contextWith({});
    expect(() => assertConditionHeld(context.cos, createOnly, versioned)).toThrow(
      expect.objectContaining({ code: 'WX_CLOUD_UNSUPPORTED' }),
    );
    expect(() => toUploadProperties(context, { createOnly: true })).toThrow(
      expect.objectContaining({ code: 'WX_CLOUD_UNSUPPORTED' }),
    );
  });

  it.each([
    ['without createOnly', { headers: {}, openid: '' }, versioned],
    ['without properties', undefined, versioned],
    ['without versions', createOnly, () => undefined],
  ])('accepts an upload %s', (_, properties, header) => {
    expect(() => assertConditionHeld(contextWith({}).cos, properties, header)).not.toThrow();
  });
});
