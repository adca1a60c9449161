import { describe, expect, it } from '@jest/globals';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { isTokenRejection } from '../../../lib/wechat/api-errors.js';

describe('isTokenRejection', () => {
  const withCode = (errcode?: number): Error =>
    new WxCloudStorageError({ code: 'WX_CLOUD_TOKEN_REJECTED', message: 'x', errcode });

  it.each([
    [withCode(40001), true],
    [withCode(40014), true],
    [withCode(42001), true],
    [withCode(40013), false],
    [withCode(42007), false],
    [withCode(0), false],
    [withCode(), false],
    [Object.assign(new Error('x'), { errcode: 40001 }), false],
    [undefined, false],
  ])('recognises row %#', (error, expected) => {
    expect(isTokenRejection(error)).toBe(expected);
  });
});
