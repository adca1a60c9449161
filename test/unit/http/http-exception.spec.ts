import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ForbiddenException, HttpException } from '@nestjs/common';
import {
  messageWithoutLink,
  TypeRefusedError,
  WxCloudStorageError,
  type WxCloudStorageErrorCode,
} from '../../../lib/errors/errors.js';
import { HTTP_RESPONSES, toHttpException } from '../../../lib/http/http-exception.js';

const UPSTREAM = 'upstream-text-not-for-clients';

function responseFor(code: WxCloudStorageErrorCode): HttpException {
  return toHttpException(new WxCloudStorageError({ code, message: UPSTREAM })) as HttpException;
}

const statuses: readonly [WxCloudStorageErrorCode, number, string][] = [
  ['WX_CLOUD_OPTIONS_INVALID', 500, 'Internal Server Error'],
  ['WX_CLOUD_ARGUMENT_INVALID', 500, 'Internal Server Error'],
  ['WX_CLOUD_FILE_ID_INVALID', 400, 'Bad Request'],
  ['WX_CLOUD_PATH_INVALID', 400, 'Bad Request'],
  ['WX_CLOUD_FORM_INVALID', 400, 'Bad Request'],
  ['WX_CLOUD_FILE_REQUIRED', 400, 'Bad Request'],
  ['WX_CLOUD_FILE_TOO_LARGE', 413, 'Payload Too Large'],
  ['WX_CLOUD_TYPE_REFUSED', 415, 'Unsupported Media Type'],
  ['WX_CLOUD_TICKET_REFUSED', 400, 'Bad Request'],
  ['WX_CLOUD_SIZE_MISMATCHED', 400, 'Bad Request'],
  ['WX_CLOUD_BODY_FAILED', 400, 'Bad Request'],
  ['WX_CLOUD_BODY_STALLED', 408, 'Request Timeout'],
  ['WX_CLOUD_SPOOL_FAILED', 507, 'Insufficient Storage'],
  ['WX_CLOUD_CAPACITY_EXCEEDED', 503, 'Service Unavailable'],
  ['WX_CLOUD_FILE_NOT_FOUND', 404, 'Not Found'],
  ['WX_CLOUD_FILE_EXISTS', 409, 'Conflict'],
  ['WX_CLOUD_INSTANCE_NOT_FOUND', 404, 'Not Found'],
  ['WX_CLOUD_PENDING_LOST', 503, 'Service Unavailable'],
  ['WX_CLOUD_RANGE_UNSATISFIABLE', 416, 'Requested Range Not Satisfiable'],
  ['WX_CLOUD_TOKEN_REJECTED', 502, 'Bad Gateway'],
  ['WX_CLOUD_CREDENTIAL_REFUSED', 502, 'Bad Gateway'],
  ['WX_CLOUD_CREDENTIAL_UNAVAILABLE', 503, 'Service Unavailable'],
  ['WX_CLOUD_QUOTA_EXCEEDED', 503, 'Service Unavailable'],
  ['WX_CLOUD_API_FAILED', 502, 'Bad Gateway'],
  ['WX_CLOUD_UNSUPPORTED', 501, 'Not Implemented'],
  ['WX_CLOUD_UPLOAD_REJECTED', 502, 'Bad Gateway'],
  ['WX_CLOUD_UPLOAD_INCOMPLETE', 500, 'Internal Server Error'],
  ['WX_CLOUD_DOWNLOAD_FAILED', 502, 'Bad Gateway'],
  ['WX_CLOUD_RESPONSE_MALFORMED', 502, 'Bad Gateway'],
  ['WX_CLOUD_CONNECTION_FAILED', 502, 'Bad Gateway'],
  ['WX_CLOUD_REQUEST_TIMED_OUT', 504, 'Gateway Timeout'],
  ['WX_CLOUD_REQUEST_ABORTED', 400, 'Bad Request'],
  ['WX_CLOUD_STORAGE_CLOSED', 503, 'Service Unavailable'],
];

/** Codes whose message is about the client's own input. */
const SHOWN: readonly WxCloudStorageErrorCode[] = [
  'WX_CLOUD_FILE_ID_INVALID',
  'WX_CLOUD_PATH_INVALID',
  'WX_CLOUD_FORM_INVALID',
  'WX_CLOUD_FILE_REQUIRED',
  'WX_CLOUD_FILE_TOO_LARGE',
  'WX_CLOUD_TYPE_REFUSED',
  'WX_CLOUD_TICKET_REFUSED',
  'WX_CLOUD_SIZE_MISMATCHED',
];

describe('HTTP_RESPONSES', () => {
  it('covers every error code, as this test does', () => {
    const source = readFileSync('lib/errors/errors.ts', 'utf8');
    const [, rest = ''] = source.split('type WxCloudStorageErrorCode =');
    const [type = ''] = rest.split(';');
    const union = [...type.matchAll(/'(WX_CLOUD_\w+)'/g)].map(match => match[1]).toSorted();
    expect(union.length).toBeGreaterThan(20);
    expect(Object.keys(HTTP_RESPONSES).toSorted()).toEqual(union);
    expect(statuses.map(([code]) => code).toSorted()).toEqual(union);
  });

  it.each(statuses)('maps %s to %d %s', (code, status, error) => {
    const response = responseFor(code);
    expect(response).toBeInstanceOf(HttpException);
    expect(response.getStatus()).toBe(status);
    expect(response.getResponse()).toEqual({
      statusCode: status,
      error,
      errorCode: code,
      message: expect.any(String),
    });
  });

  it.each(statuses.map(([code]) => code).filter(code => !SHOWN.includes(code)))(
    'shows clients no text of another system with %s',
    code => {
      expect(JSON.stringify(responseFor(code).getResponse())).not.toContain(UPSTREAM);
    },
  );

  it.each(SHOWN)('tells clients what is wrong with their request: %s', code => {
    expect(responseFor(code).getResponse()).toMatchObject({ message: UPSTREAM });
  });
});

describe('toHttpException', () => {
  it('converts errors of this package and keeps the error as the cause', () => {
    const error = new TypeRefusedError({ detectedType: 'image/gif', accepted: ['image/png'] });
    const response = toHttpException(error) as HttpException;
    expect(response.getStatus()).toBe(415);
    expect(response.cause).toBe(error);
    expect(response.getResponse()).toMatchObject({ message: messageWithoutLink(error) });
    expect(error.message).toContain('docs/errors.md#wx_cloud_type_refused');
  });

  it.each([
    ['a plain error', new Error('x')],
    ["Nest's own", new ForbiddenException()],
    ['a look-alike', { code: 'WX_CLOUD_FILE_TOO_LARGE', message: 'x' }],
    ['undefined', undefined],
    ['null', null],
    ['a text', 'thrown'],
  ])('returns %s unchanged', (_, error) => {
    expect(toHttpException(error)).toBe(error);
  });
});
