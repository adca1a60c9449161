import { describe, expect, it } from '@jest/globals';
import {
  CosRefusalError,
  isAccessDenied,
  toUploadRejection,
} from '../../../../lib/storage/cos/cos-error.js';

const parts = { endpoint: 'GET object', key: 'a', secrets: [], requestId: 'id' };
const DENIED = { code: 'AccessDenied', message: 'Access Denied.', requestId: 'id' };

function refusal(status: number, code: string | undefined, message = 'm'): CosRefusalError {
  const document = code === undefined ? undefined : { code, message, requestId: 'id' };
  return new CosRefusalError({ ...parts, status, document });
}

describe('CosRefusalError', () => {
  it.each([
    [refusal(403, 'AccessDenied', 'Access Denied.'), /lack the right/, false],
    [refusal(403, 'AccessDenied', 'Request has expired'), /Try again later/, true],
    [refusal(400, 'ExpiredToken'), /Try again later/, true],
    [refusal(403, 'InvalidAccessKeyId'), /Check cos\.credentials/, false],
    [refusal(403, 'RequestTimeTooSkewed'), /right time/, false],
    [refusal(404, 'NoSuchBucket'), /Check cos\.bucket/, false],
    [refusal(404, 'NoSuchKey'), /request ID/, false],
    [refusal(503, 'SlowDown'), /Try again later/, true],
    [refusal(200, 'InternalError'), /Try again later/, true],
  ])('says what to do: %s', (error, advice, retryable) => {
    expect(error.message).toMatch(advice);
    expect(error.retryable).toBe(retryable);
  });
});

describe('a denied request', () => {
  it.each([
    ['DELETE upload', 'the right name/cos:AbortMultipartUpload: grant'],
    ['GET uploads', 'the right name/cos:ListMultipartUploads: grant'],
    ['HEAD object', 'the right to it: grant'],
  ])('%s names the right', (endpoint, text) => {
    const error = new CosRefusalError({ ...parts, endpoint, status: 403, document: DENIED });
    expect(error.message).toContain(text);
  });

  it.each([
    ['PUT object', 'name/cos:PutObject: grant it to them. ('],
    ['POST uploads', 'name/cos:InitiateMultipartUpload: grant it to them. Until then'],
    ['PUT part', 'name/cos:UploadPart: grant it to them. Until then'],
    ['POST complete', 'name/cos:CompleteMultipartUpload: grant it to them. Until then'],
  ])('%s of an upload names the right, and the way without it', (endpoint, text) => {
    const error = toUploadRejection({ ...parts, endpoint, status: 403, document: DENIED });
    expect(error.message).toContain(text);
    expect(error.message).not.toContain('environment');
  });
});

describe('isAccessDenied', () => {
  it.each([
    [refusal(403, 'AccessDenied', 'Access Denied.'), true],
    [refusal(403, undefined), true],
    [refusal(403, 'AccessDenied', 'Request has expired'), false],
    [refusal(403, 'InvalidAccessKeyId'), false],
    [refusal(404, 'AccessDenied'), false],
    [new Error('other'), false],
  ])('tells a missing right from other refusals: %s', (error, isDenied) => {
    expect(isAccessDenied(error)).toBe(isDenied);
  });
});
