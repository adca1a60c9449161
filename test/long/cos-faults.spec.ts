import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  startWxCloudEmulator,
  type WxCloudEmulator,
  type WxCloudEmulatorCosOptions,
  type WxCloudEmulatorFaultEffect,
} from '../../lib/emulator/index.js';
import { OPERATIONS as ALL_OPERATIONS } from '../../lib/emulator/state/operation.js';
import { type CosCall, callCos, PERMANENT_KEYS } from '../e2e/emulator/support/cos-signer.js';
import { type RawResponse, readCosError, send } from '../e2e/emulator/support/raw-http.js';

const cos = { keys: [PERMANENT_KEYS] };
let shared: WxCloudEmulator;
let emulator: WxCloudEmulator;
/** Uses another emulator for the rest of a test. */
const startWith = async (options: WxCloudEmulatorCosOptions): Promise<void> => {
  emulator = await startWxCloudEmulator({ cos: { ...cos, ...options } });
};
beforeAll(async () => {
  shared = await startWxCloudEmulator({ cos });
});
beforeEach(() => {
  emulator = shared;
});
afterEach(async () => {
  await shared.reset();
  await [emulator].find(one => one !== shared)?.close();
});
afterAll(() => shared.close());

const md5 = (content: string): Buffer => createHash('md5').update(content).digest();
const call = (method: string, more: CosCall = {}): Promise<RawResponse> =>
  callCos(emulator, { method, keys: PERMANENT_KEYS, ...more });
const put = (more: CosCall = {}): Promise<RawResponse> =>
  call('PUT', { key: 'a', body: 'content', headers: { 'content-length': '7' }, ...more });
const post = (path: string, value: object): Promise<RawResponse> =>
  send(`${emulator.sidecarUrl}${path}`, { method: 'POST', body: JSON.stringify(value) });
const initiate = async (): Promise<string> =>
  /<UploadId>(\w+)/.exec((await call('POST', { key: 'a', query: { uploads: '' } })).text)?.[1] ??
  '';
const completion = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${md5('content').toString('hex')}</ETag></Part></CompleteMultipartUpload>`;
const deletion = '<Delete><Object><Key>a</Key></Object></Delete>';

/** One request for each operation, prepared by what it needs. */
const REQUESTS = {
  'cos-keys': async () => () => send(`${emulator.sidecarUrl}/_/cos/getauth`),
  'encode-metaid': async () => () => {
    const { bucket } = emulator;
    return post('/_/cos/metaid/encode', { openid: '', bucket, paths: ['a'] });
  },
  'put-object': async () => () => put(),
  'get-object': async () => {
    await put();
    return () => call('GET', { key: 'a' });
  },
  'head-object': async () => {
    await put();
    return () => call('HEAD', { key: 'a' });
  },
  'delete-object': async () => () => call('DELETE', { key: 'a' }),
  'initiate-multipart-upload': async () => () => call('POST', { key: 'a', query: { uploads: '' } }),
  'upload-part': async () => {
    const uploadId = await initiate();
    return () => put({ query: { uploadId, partNumber: '1' } });
  },
  'complete-multipart-upload': async () => {
    const uploadId = await initiate();
    await put({ query: { uploadId, partNumber: '1' } });
    return () => call('POST', { key: 'a', query: { uploadId }, body: completion });
  },
  'abort-multipart-upload': async () => {
    const uploadId = await initiate();
    return () => call('DELETE', { key: 'a', query: { uploadId } });
  },
  'list-parts': async () => {
    const uploadId = await initiate();
    return () => call('GET', { key: 'a', query: { uploadId } });
  },
  'list-multipart-uploads': async () => () => call('GET', { query: { uploads: '' } }),
  'list-objects': async () => () => call('GET'),
  'copy-object': async () => {
    await put();
    const source = `${emulator.bucket}.cos.ap-shanghai.myqcloud.com/a`;
    return () => call('PUT', { key: 'b', headers: { 'x-cos-copy-source': source } });
  },
  'delete-objects': async () => () =>
    call('POST', {
      query: { delete: '' },
      body: deletion,
      headers: { 'content-md5': md5(deletion).toString('base64') },
    }),
} satisfies Record<string, () => Promise<() => Promise<RawResponse>>>;

type Operation = keyof typeof REQUESTS;
const OPERATIONS = Object.keys(REQUESTS) as Operation[];
const SIGNED = OPERATIONS.slice(2);

/** Prepares a request, adds a fault for it, and sends it. */
async function requestWith(
  operation: Operation,
  effect: WxCloudEmulatorFaultEffect,
): Promise<RawResponse> {
  const request = await REQUESTS[operation]();
  emulator.faults.add({ operation, effect });
  return request();
}

describe.each(OPERATIONS)('a fault of %s', operation => {
  it('returns its status once, and then lets the operation work', async () => {
    const request = await REQUESTS[operation]();
    emulator.faults.add({ operation, effect: { kind: 'status', status: 502 } });
    expect((await request()).status).toBe(502);
    expect(emulator.journal.at(-1)).toMatchObject({ operation, status: 502, fault: 'status' });
    expect((await request()).status).toBeLessThan(300);
  });

  it.each(['request', 'answer'] as const)('resets the connection at the %s', async at => {
    await expect(requestWith(operation, { kind: 'reset', at })).rejects.toMatchObject({
      code: 'ECONNRESET',
    });
    expect(emulator.journal.at(-1)).toMatchObject({ operation, status: 0, aborted: true });
  });

  it('delays the response', async () => {
    const startMs = performance.now();
    const response = await requestWith(operation, { kind: 'delay', delayMs: 60 });
    expect(response.status).toBeLessThan(300);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(55);
  });
});

describe.each(SIGNED)('%s', operation => {
  it.each([
    [503, {}],
    [200, { status: 200 }],
  ])('fails with an error of the storage and the status %i', async (expected, more) => {
    const effect = { kind: 'cos-error', cosCode: 'SlowDown', ...more } as const;
    const response = await requestWith(operation, effect);
    expect(response.status).toBe(expected);
    expect(['SlowDown', undefined]).toContain(readCosError(response).code);
    expect(response.headers['x-cos-request-id']).toMatch(/./);
    expect(emulator.journal.at(-1)).toMatchObject({ cosCode: 'SlowDown' });
  });
});

describe('cos.denied', () => {
  it('takes the right to each signed operation away', async () => {
    const requests = await Promise.all(SIGNED.map(operation => REQUESTS[operation]()));
    await startWith({ denied: SIGNED as readonly 'put-object'[] });
    const responses = await Promise.all(requests.map(request => request()));
    expect(responses.map(({ status }) => status)).toEqual(SIGNED.map(() => 403));
    const codes = new Set(responses.map(response => readCosError(response).code));
    expect(codes).toEqual(new Set(['AccessDenied', undefined]));
  });
});

describe('the fault short-list', () => {
  it.each([0, 1])('lets encode return %i values of two', async count => {
    emulator.faults.add({ operation: 'encode-metaid', effect: { kind: 'short-list', count } });
    const { bucket } = emulator;
    const request = { openid: '', bucket, paths: ['a', 'b'] };
    const { text } = await post('/_/cos/metaid/encode', request);
    const reply = JSON.parse(text) as { respdata: { x_cos_meta_field_strs: string[] } };
    expect(reply).toMatchObject({ errcode: 0 });
    expect(reply.respdata.x_cos_meta_field_strs).toHaveLength(count);
  });

  it.each([-1, 1.5, undefined])('has no count %j', count => {
    const effect = { kind: 'short-list', count } as unknown as WxCloudEmulatorFaultEffect;
    expect(() => emulator.faults.add({ operation: 'encode-metaid', effect })).toThrow(
      new TypeError('faults.add: count must be an integer, 0 or more.'),
    );
  });
});

describe('the fault wrong-etag', () => {
  it.each(['put-object', 'upload-part', 'get-object', 'head-object'] as const)(
    'damages the ETag of %s',
    async operation => {
      const response = await requestWith(operation, { kind: 'wrong-etag' });
      expect(response.headers['etag']).toMatch(/^"[\da-f]{32}"$/);
      expect(response.headers['etag']).not.toBe(`"${md5('content').toString('hex')}"`);
    },
  );
});

describe('cos.clockSkewSeconds', () => {
  it.each([
    [1_200, 'AccessDenied', 'Request has expired'],
    [-1_200, 'RequestTimeTooSkewed', expect.any(String)],
  ])('of %i makes signatures fail until clients follow the Date', async (skew, code, message) => {
    await startWith({ clockSkewSeconds: skew });
    const response = await put();
    expect(response.status).toBe(403);
    expect(readCosError(response)).toEqual({ code, message });
    const difference = (Date.parse(String(response.headers['date'])) - Date.now()) / 1_000;
    expect(Math.abs(difference - skew)).toBeLessThan(10);
    expect((await put({ skew })).status).toBe(200);
    const head = await call('HEAD', { key: 'a', skew });
    const changed = (Date.parse(String(head.headers['last-modified'])) - Date.now()) / 1_000;
    expect(Math.abs(changed - skew)).toBeLessThan(10);
  });
});

describe('cos.encrypted', () => {
  it('gives objects and parts ETags that are not their MD5', async () => {
    await startWith({ encrypted: true });
    const responses = [await put(), await call('HEAD', { key: 'a' })];
    const uploadId = await initiate();
    responses.push(await put({ query: { uploadId, partNumber: '1' } }));
    expect(responses.map(({ headers }) => headers['x-cos-server-side-encryption'])).toEqual(
      responses.map(() => 'cos/kms'),
    );
    expect(new Set(responses.map(({ headers }) => headers['etag'])).size).toBe(1);
    expect(responses[0]?.headers['etag']).not.toBe(`"${md5('content').toString('hex')}"`);
  });
});

describe('the option cos', () => {
  it.each([
    ['cos', null, 'must be an object'],
    ['cos', { key: [] }, 'has no member key; it has keys, keyTtlSeconds'],
    ['cos.keys', { keys: 'pair' }, 'must be a list'],
    ['cos.keys[0].secretId', { keys: [{ secretId: '', secretKey: 'x' }] }, 'must be a non-empty'],
    ['cos.keyTtlSeconds', { keyTtlSeconds: 0 }, 'must be an integer from 1 to 7200'],
    ['cos.expiredTime', { expiredTime: 'date' }, "must be 'number' or 'text'"],
    ['cos.denied[0]', { denied: ['post-object'] }, "must be 'get-object', 'head-object'"],
    ['cos.forceDownload', { forceDownload: 1 }, 'must be true or false'],
    ['cos.clockSkewSeconds', { clockSkewSeconds: 90_000 }, 'must be an integer from -86400'],
  ])('%s is refused for %j', async (name, given, message) => {
    const options = { cos: given as unknown as WxCloudEmulatorCosOptions };
    await expect(startWxCloudEmulator(options)).rejects.toThrow(
      `startWxCloudEmulator: ${name} ${message}`,
    );
  });
});

describe.each(['docs/emulator.md', 'docs/emulator.zh-CN.md'])('%s', path => {
  it('names every operation', async () => {
    const text = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
    expect(ALL_OPERATIONS.filter(operation => !text.includes(`\`${operation}\``))).toEqual([]);
  });
});
