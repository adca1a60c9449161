import { describe, expect, it } from '@jest/globals';
import { CosRefusalError, isAccessDenied } from '../../../../lib/storage/cos/cos-error.js';

function refusal(status: number, code: string | undefined, message = 'm'): CosRefusalError {
  const document = code === undefined ? undefined : { code, message, requestId: 'id' };
  const parts = { endpoint: 'GET object', key: 'a', secrets: [], requestId: 'id' };
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
