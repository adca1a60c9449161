import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  messageWithoutLink,
  FileTooLargeError,
  OptionsInvalidError,
  RequestTimedOutError,
  TypeRefusedError,
  UploadRejectedError,
  WxCloudStorageError,
} from '../../../lib/errors/errors.js';

const rejected = {
  upstreamStatus: 403,
  cosCode: 'AccessDenied',
  cloudPath: 'a/b.png',
  response: 'HTTP 403 (AccessDenied)',
  retryable: false,
  requestId: 'NjU=',
};

describe('WxCloudStorageError', () => {
  it('has no field for a part that is not given', () => {
    const error = new WxCloudStorageError({
      code: 'WX_CLOUD_API_FAILED',
      message: 'x',
      errcode: undefined,
      errmsg: undefined,
      endpoint: undefined,
      requestId: undefined,
      upstreamStatus: undefined,
      cause: undefined,
      retryable: undefined,
    });
    expect(Object.keys(error).toSorted()).toEqual(['code', 'message', 'name', 'retryable']);
    expect('cause' in error).toBe(false);
    expect(error.retryable).toBe(false);
  });

  it('carries every given part, including zero and the empty text', () => {
    const cause = new Error('why');
    const parts = {
      code: 'WX_CLOUD_API_FAILED',
      message: 'x',
      retryable: true,
      errcode: 0,
      errmsg: '',
      endpoint: '/tcb/uploadfile',
      requestId: 'rid-1',
      upstreamStatus: 200,
      cause,
    } as const;
    const error = new WxCloudStorageError(parts);
    const message = 'x (nestjs-wx-cloud-storage/docs/errors.md#wx_cloud_api_failed)';
    expect(error).toMatchObject({ ...parts, message, name: 'WxCloudStorageError' });
    expect(error.cause).toBe(cause);
    expect(messageWithoutLink(error)).toBe('x');
  });

  it('keeps a message that was replaced as it is', () => {
    const error = new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'x' });
    Object.defineProperty(error, 'message', { value: 'of the application' });
    expect(messageWithoutLink(error)).toBe('of the application');
  });

  it('shows all fields in its JSON, but neither stack nor cause', () => {
    const parts = {
      code: 'WX_CLOUD_API_FAILED',
      message: 'Failed at access_token=0123456789 again.',
      retryable: true,
      errcode: -1,
      errmsg: 'busy',
      endpoint: '/tcb/uploadfile',
      requestId: 'rid-1',
      upstreamStatus: 200,
    } as const;
    const error = new WxCloudStorageError({ ...parts, cause: new Error('why') });
    const message =
      'Failed at access_token=[redacted] again. (nestjs-wx-cloud-storage/docs/errors.md#wx_cloud_api_failed)';
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      ...parts,
      name: 'WxCloudStorageError',
      message,
    });
    expect(inspect(error).split(message)).toHaveLength(2);
  });

  it('has no field named status, which Nest would send to clients', () => {
    expect('status' in new UploadRejectedError(rejected)).toBe(false);
  });
});

describe('subclasses of WxCloudStorageError', () => {
  it.each([
    [
      new FileTooLargeError({ subject: 'The file', limitBytes: 10 }),
      { name: 'FileTooLargeError', code: 'WX_CLOUD_FILE_TOO_LARGE', limitBytes: 10 },
    ],
    [
      new OptionsInvalidError({ option: 'timeouts.idleMs', expected: 'e', remedy: 'r' }),
      { name: 'OptionsInvalidError', code: 'WX_CLOUD_OPTIONS_INVALID', option: 'timeouts.idleMs' },
    ],
    [
      new TypeRefusedError({ detectedType: 'image/gif', accepted: ['image/png'] }),
      {
        name: 'TypeRefusedError',
        code: 'WX_CLOUD_TYPE_REFUSED',
        detectedType: 'image/gif',
        accepted: ['image/png'],
      },
    ],
    [
      new UploadRejectedError(rejected),
      {
        name: 'UploadRejectedError',
        code: 'WX_CLOUD_UPLOAD_REJECTED',
        cosCode: 'AccessDenied',
        cloudPath: 'a/b.png',
        upstreamStatus: 403,
        requestId: 'NjU=',
      },
    ],
    [
      new RequestTimedOutError({ phase: 'idle', endpoint: 'GET object', timeoutMs: 5 }),
      {
        name: 'RequestTimedOutError',
        code: 'WX_CLOUD_REQUEST_TIMED_OUT',
        phase: 'idle',
        endpoint: 'GET object',
      },
    ],
  ])('show the fields of %p, in JSON as well', (error, fields) => {
    const { message, retryable } = error;
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ ...fields, message, retryable });
    expect(error).toBeInstanceOf(WxCloudStorageError);
    expect(error).toMatchObject(fields);
    expect(error.message.length).toBeGreaterThan(20);
  });

  it.each([
    ['connect', true],
    ['headers', true],
    ['idle', true],
    ['total', false],
    ['token', false],
  ] as const)('say of a %s timeout whether a retry may help: %p', (phase, retryable) => {
    const error = new RequestTimedOutError({ phase, endpoint: '/x', timeoutMs: 5 });
    expect(error.retryable).toBe(retryable);
    expect(error.message).toContain(`timeouts.${phase}Ms`);
  });

  it('name the setting of a timeout that is not ours', () => {
    const parts = { phase: 'connect', endpoint: '/x', timeoutMs: undefined } as const;
    expect(messageWithoutLink(new RequestTimedOutError(parts))).toBe(
      '/x: the connect timeout of the dispatcher was reached. Try again, or raise it there.',
    );
  });

  it('say that no known type was found in the content', () => {
    const error = new TypeRefusedError({ detectedType: undefined, accepted: ['image/*'] });
    expect(error.message).toContain('no recognisable type');
    expect(error.detectedType).toBeUndefined();
  });

  it('have no cosCode when COS names none', () => {
    const error = new UploadRejectedError({ ...rejected, cosCode: undefined });
    expect('cosCode' in error).toBe(false);
  });

  it.each([
    ['AccessDenied', 'right time'],
    ['RequestTimeTooSkewed', '15 minutes'],
    ['EntityTooLarge', '5 GB'],
    ['PaymentRequired', 'billing'],
    ['SomethingNew', 'request ID'],
    ['constructor', 'request ID'],
    ['toString', 'request ID'],
    [undefined, 'request ID'],
  ])('advise on %p', (cosCode, advice) => {
    expect(new UploadRejectedError({ ...rejected, cosCode }).message).toContain(advice);
  });

  it('advise to try again when a retry may help', () => {
    const error = new UploadRejectedError({ ...rejected, cosCode: 'SlowDown', retryable: true });
    expect(error.message).toContain('Try again later.');
    expect(error.retryable).toBe(true);
  });
});
