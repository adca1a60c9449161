import { beforeEach, describe, expect, it } from '@jest/globals';
import { property, string } from 'fast-check';
import {
  RequestTimedOutError,
  UploadRejectedError,
  WxCloudStorageError,
} from '../../../lib/errors/errors.js';
import { FailureLog } from '../../../lib/http/http-exception.js';
import { checkProperty } from '../../support/properties.js';

const MINUTE_MS = 60_000;
const REFUSED = new WxCloudStorageError({
  code: 'WX_CLOUD_CREDENTIAL_REFUSED',
  message: '/cgi-bin/stable_token: WeChat answered 40125 (invalid). Check the AppSecret.',
  errcode: 40125,
  requestId: 'rid-1',
  upstreamStatus: 200,
});
const LINE =
  '502 WX_CLOUD_CREDENTIAL_REFUSED: /cgi-bin/stable_token: WeChat answered 40125 (invalid). ' +
  'Check the AppSecret. (nestjs-wx-cloud-storage/docs/errors.md#wx_cloud_credential_refused) ' +
  '[errcode=40125 upstreamStatus=200 requestId=rid-1]';

const errors: string[] = [];
const stacks: unknown[] = [];
let nowMs: number;
let log: FailureLog;
beforeEach(() => {
  errors.length = 0;
  stacks.length = 0;
  nowMs = 0;
  const logger = {
    error: (line: string, ...rest: unknown[]) => {
      errors.push(line);
      stacks.push(...rest);
    },
    debug: (stack: string) => void stacks.push(stack),
  };
  log = new FailureLog(logger, () => nowMs);
});

const express = (path: unknown, url = '/') => ({ method: 'POST', url, route: { path } });
const fastify = (path: string) => ({
  raw: { method: 'POST', url: '/' },
  routeOptions: { url: path },
});
const writeTimes = (count: number, request?: object): void => {
  for (let index = 0; index < count; index += 1) log.write(REFUSED, 502, request);
};

describe('FailureLog', () => {
  it.each([
    ['Express', express('/albums/:id/photos', '/albums/7/photos')],
    ['Fastify', fastify('/albums/:id/photos')],
  ])('writes one line with the route of %s, the code, the remedy and the details', (_, request) => {
    log.write(REFUSED, 502, request);
    expect(errors).toEqual([`POST /albums/:id/photos: ${LINE}`]);
  });

  it('writes a line without a request', () => {
    log.write(REFUSED, 502);
    expect(errors).toEqual([LINE]);
  });

  it.each([
    [
      'COS',
      new UploadRejectedError({
        upstreamStatus: 403,
        cosCode: 'AccessDenied',
        cloudPath: 'a.png',
        response: 'HTTP 403',
        retryable: false,
        requestId: 'NjU=',
      }),
      '[cosCode=AccessDenied upstreamStatus=403 requestId=NjU=]',
    ],
    [
      'a timeout',
      new RequestTimedOutError({ phase: 'idle', endpoint: 'GET object', timeoutMs: 5 }),
      '[phase=idle]',
    ],
  ])('appends the details of %s', (_, error, fields) => {
    log.write(error, 502);
    expect(errors).toEqual([expect.stringMatching(/\]$/)]);
    expect(errors[0]).toContain(fields);
  });

  it.each([
    ['a query', '/a?access_token=abcdefghijk', 'POST /a: '],
    ['line breaks', '/a\r\nERROR forged\u2028b', 'POST /a ERROR forged b: '],
    ['marks that turn the text around', '/a\u202egnp', 'POST /a gnp: '],
    ['no end', `/${'a'.repeat(5_000)}`, `POST /${'a'.repeat(199)}…: `],
    ['half a character', '/a\ud800', 'POST /a\ufffd: '],
  ])('shows a path with %s in one short line', (_, url, start) => {
    log.write(REFUSED, 502, express(undefined, url));
    log.write(REFUSED, 502, { ...express(/^\/a/, 'changed'), originalUrl: url });
    expect(errors).toEqual([`${start}${LINE}`, `${start}${LINE}`]);
  });

  it('keeps any message to one line of limited length', async () => {
    await checkProperty(
      property(string({ unit: 'binary', maxLength: 6_000 }), message => {
        const error = new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message });
        new FailureLog({ error: line => void errors.push(line) }).write(error, 502);
        const line = String(errors.pop());
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
        expect(line.length).toBeLessThan(1_100);
      }),
    );
  });

  it('writes the stacks of the error and its causes at debug, without fields and secrets', () => {
    const inner = Object.assign(new Error('refused\u001b[31m'), { config: 'of an application' });
    const outer = new Error('GET /x?access_token=0123456789', { cause: inner });
    log.write(
      new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'Failed.', cause: outer }),
      502,
    );
    expect(stacks).toEqual([
      expect.stringMatching(
        /^(Wx\w+|Error): Failed\. \(nestjs\S+\)\n +at [^]+\nCaused by: Error: GET \/x\?access_token=\[redacted\]\n +at [^]+\nCaused by: Error: refused\[31m\n +at /,
      ),
    ]);
    expect(stacks.join('')).not.toContain('of an application');
  });

  it('writes the message of a cause whose stack is no text', () => {
    const cause = Object.assign(new Error('odd'), { stack: Object.create(null) as unknown });
    log.write(new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'a', cause }), 502);
    expect(stacks.join('')).toContain('Caused by: Error: odd');
  });

  it('stops at a cycle of causes', () => {
    const cause = new Error('why', {});
    cause.cause = cause;
    log.write(new WxCloudStorageError({ code: 'WX_CLOUD_API_FAILED', message: 'x', cause }), 502);
    expect(stacks.join('').split('Caused by').length).toBeLessThan(8);
  });

  it('writes ten lines a minute for a code and a route, and counts the others in the next one', () => {
    writeTimes(500, express('/photos'));
    expect(errors).toHaveLength(10);
    expect(errors.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => `POST /photos: ${LINE}`));
    expect(errors[9]).toBe(`POST /photos: ${LINE} (further lines in this minute are left out)`);
    expect(stacks).toHaveLength(10);

    nowMs = MINUTE_MS - 1;
    writeTimes(1, express('/photos'));
    expect(errors).toHaveLength(10);

    nowMs = MINUTE_MS;
    writeTimes(2, express('/photos'));
    expect(errors.slice(10)).toEqual([
      `POST /photos: ${LINE} (491 similar lines left out since the previous line)`,
      `POST /photos: ${LINE}`,
    ]);
  });

  it('mentions no suppressed lines when there were none', () => {
    writeTimes(9);
    nowMs = MINUTE_MS;
    writeTimes(1);
    expect(errors).toEqual(Array.from({ length: 10 }, () => LINE));
  });

  it('limits each route and code separately, and all paths without a route together', () => {
    const other = new WxCloudStorageError({ code: 'WX_CLOUD_STORAGE_CLOSED', message: 'Closed.' });
    writeTimes(100, express('/a'));
    writeTimes(100, express('/b'));
    for (let index = 0; index < 100; index += 1) log.write(other, 503, express('/a'));
    expect(errors).toHaveLength(30);
    for (let index = 0; index < 100; index += 1) {
      log.write(REFUSED, 502, express(undefined, `/${index}`));
    }
    expect(errors).toHaveLength(40);
  });
});

describe('FailureLog.writeUnsent', () => {
  const UNSENT = 'POST /photos: 500: a response that waited for its files could not be sent.';
  const foreign = new Error('Invalid URL: https://example.com/?access_token=hiddenValue');

  it('writes the route, and the stack without secrets', () => {
    log.writeUnsent(foreign, express('/photos', '/photos?access_token=hiddenValue'));
    expect(errors).toEqual([expect.stringContaining(UNSENT)]);
    expect(stacks).toEqual([expect.stringMatching(/^Error: Invalid URL(.|\n)* at /)]);
    expect([...errors, ...stacks].join()).not.toContain('hiddenValue');
  });

  it.each([foreign, 'a text', undefined])('writes ten lines a minute for a route: %s', error => {
    for (let index = 0; index < 100; index += 1) log.writeUnsent(error, express('/photos'));
    expect(errors).toHaveLength(10);
    expect(errors[9]).toMatch(/ \(further lines in this minute are left out\)$/);
  });
});
