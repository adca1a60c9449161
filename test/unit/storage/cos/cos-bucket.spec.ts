import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it, jest } from '@jest/globals';
import { Secret } from '../../../../lib/options/resolved-options.js';
import { BucketRequests } from '../../../../lib/storage/cos/bucket-requests.js';
import { CosBucket } from '../../../../lib/storage/cos/cos-bucket.js';
import { ServerClock } from '../../../../lib/storage/cos/server-clock.js';
import {
  NEVER,
  onlyOf,
  openTransport,
  readRequest,
  type SeenRequest,
  serve,
} from '../../support/server.js';

const SOURCE = 'bucket-1.cos.ap-shanghai.myqcloud.com';
const REQUEST_ID = { 'x-cos-request-id': 'NjE=' };

function md5(content: string): string {
  return createHash('md5').update(content).digest('hex');
}

function errorXml(code: string, message = 'no'): string {
  return `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A bucket whose server gives the replies one after the other; the last one is repeated. */
async function openBucket(replies: readonly Reply[], drop: () => boolean = () => false) {
  const requests: SeenRequest[] = [];
  const answer = (response: ServerResponse): void => {
    const {
      status = 200,
      headers,
      body,
    } = replies[Math.min(requests.length, replies.length) - 1] ?? {};
    response.writeHead(status, { ...REQUEST_ID, ...headers }).end(body);
  };
  const url = await serve((request: IncomingMessage, response: ServerResponse) => {
    void readRequest(request).then(
      seen => {
        requests.push(seen);
        return answer(response);
      },
      () => requests.push({ method: 'BROKEN', url: '', headers: {}, body: Buffer.alloc(0) }),
    );
  });
  let count = 0;
  const get = jest.fn(async () => ({
    keys: {
      secretId: `id-${(count += 1)}`,
      secretKey: new Secret('the-secret-key'),
      token: new Secret('the-session-token'),
    },
    expiresAtMs: Infinity,
  }));
  const clock = new ServerClock();
  const bucket = new CosBucket(
    new BucketRequests({
      transport: openTransport(),
      address: new URL(`${url}/gate way`),
      credentials: { get, confirm: () => {}, drop, close: () => {} },
      clock,
    }),
    SOURCE,
    5_000,
  );
  return { bucket, requests, clock };
}

function put(bucket: CosBucket, content: string | Readable, size = 5) {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return bucket.putObject({
    key: '照片/a b.txt',
    headers: { 'content-type': 'text/plain', 'x-cos-meta-fileid': 'the-signed-file-id' },
    size,
    open: () => bytes,
    isReplayable: typeof content === 'string',
    signal: NEVER,
  });
}

describe('putObject', () => {
  it('sends bytes in memory with length, MD5, metadata and signature', async () => {
    const { bucket, requests } = await openBucket([{ headers: { etag: `"${md5('hello')}"` } }]);
    await expect(put(bucket, 'hello')).resolves.toMatchObject({
      isStored: true,
      etag: md5('hello'),
    });
    const { method, url, headers, body } = onlyOf(requests);
    expect([method, url, String(body)]).toEqual([
      'PUT',
      '/gate%20way/%E7%85%A7%E7%89%87/a%20b.txt',
      'hello',
    ]);
    expect(headers).toMatchObject({
      'content-length': '5',
      'content-md5': Buffer.from(md5('hello'), 'hex').toString('base64'),
      'content-type': 'text/plain',
      'x-cos-meta-fileid': 'the-signed-file-id',
      'x-cos-security-token': 'the-session-token',
      authorization: expect.stringMatching(
        /&q-header-list=content-length;content-md5;content-type;host;x-cos-meta-fileid&/,
      ),
    });
  });

  it('compares the MD5 of a stream with the ETag', async () => {
    const replies = [
      { headers: { etag: `"${md5('hello')}"` } },
      { headers: { etag: `"${md5('other')}"` } },
    ];
    const { bucket, requests } = await openBucket(replies);
    await expect(
      put(bucket, Readable.from([Buffer.from('he'), Buffer.from('llo')])),
    ).resolves.toMatchObject({ isStored: true });
    expect(onlyOf(requests).headers).not.toHaveProperty('content-md5');
    await expect(put(bucket, Readable.from([Buffer.from('hello')]))).resolves.toMatchObject({
      isStored: false,
      mayExist: true,
      error: { code: 'WX_CLOUD_UPLOAD_REJECTED', retryable: true },
    });
  });

  it('accepts another ETag where COS encrypts with keys', async () => {
    const headers = { etag: '"0"', 'x-cos-server-side-encryption': 'cos/kms' };
    const { bucket } = await openBucket([{ headers }]);
    await expect(put(bucket, 'hello')).resolves.toMatchObject({ isStored: true });
  });

  it.each<readonly [string, Reply]>([
    ['no ETag', {}],
    ['a weak ETag', { headers: { etag: `W/"${md5('hello')}"` } }],
    [
      'an error document',
      { headers: { etag: `"${md5('hello')}"` }, body: errorXml('InternalError') },
    ],
    [
      'a page',
      { headers: { etag: `"${md5('hello')}"`, 'content-type': 'text/html' }, body: '<p>' },
    ],
    ['204', { status: 204, headers: { etag: `"${md5('hello')}"` } }],
  ])('takes %s for no confirmation', async (_, reply) => {
    const { bucket } = await openBucket([reply]);
    await expect(put(bucket, 'hello')).resolves.toMatchObject({ isStored: false, mayExist: true });
  });

  it('stores nothing of a stream that breaks off behind its last byte', async () => {
    const source = async function* () {
      yield Buffer.from('hello');
      throw new Error('gone');
    };
    const { bucket, requests } = await openBucket([{ headers: { etag: `"${md5('hello')}"` } }]);
    const outcome = await put(bucket, Readable.from(source()));
    expect(outcome).toMatchObject({ isStored: false, mayExist: false });
    expect(requests.filter(({ method }) => method === 'PUT')).toEqual([]);
  });

  it('sends again with fresh keys what COS refuses for old ones', async () => {
    const expired = { status: 403, body: errorXml('AccessDenied', 'Request has expired') };
    const drop = jest.fn(() => true);
    const { bucket, requests } = await openBucket(
      [expired, { headers: { etag: `"${md5('hello')}"` } }],
      drop,
    );
    await expect(put(bucket, 'hello')).resolves.toMatchObject({ isStored: true });
    expect(drop).toHaveBeenCalledTimes(1);
    const ids = requests.map(
      ({ headers }) => /q-ak=([\w-]+)/.exec(String(headers.authorization))?.[1],
    );
    expect(ids).toEqual(['id-1', 'id-2']);
  });

  it.each(['InvalidAccessKeyId', 'ExpiredToken'])('does so once after %s', async code => {
    const drop = jest.fn(() => true);
    const { bucket, requests } = await openBucket([{ status: 403, body: errorXml(code) }], drop);
    await expect(put(bucket, 'hello')).resolves.toMatchObject({
      isStored: false,
      mayExist: false,
      error: { cosCode: code, requestId: REQUEST_ID['x-cos-request-id'] },
    });
    expect(requests).toHaveLength(2);
  });

  it('does not send a stream again', async () => {
    const { bucket, requests } = await openBucket(
      [{ status: 403, body: errorXml('ExpiredToken') }],
      () => true,
    );
    await expect(put(bucket, Readable.from([Buffer.from('hello')]))).resolves.toMatchObject({
      isStored: false,
    });
    expect(requests).toHaveLength(1);
  });

  it('takes over the time of COS', async () => {
    const date = new Date(Date.now() + 7_200_000).toUTCString();
    const skewed = { status: 403, headers: { date }, body: errorXml('RequestTimeTooSkewed') };
    const { bucket, requests, clock } = await openBucket([
      skewed,
      { headers: { etag: `"${md5('hello')}"` } },
    ]);
    await expect(put(bucket, 'hello')).resolves.toMatchObject({ isStored: true });
    expect(clock.nowMs()).toBeGreaterThan(Date.now() + 7_000_000);
    expect(requests).toHaveLength(2);
  });

  it('shows no secret in an error', async () => {
    const said = 'the-session-token the-signed-file-id';
    const { bucket } = await openBucket([{ status: 400, body: errorXml('InvalidArgument', said) }]);
    const outcome = await put(bucket, 'hello');
    expect(JSON.stringify(outcome)).not.toMatch(/the-s/);
  });
});

describe('headObject', () => {
  it('reads size, ETag and metadata', async () => {
    const headers = {
      etag: '"e"',
      'content-length': '5',
      'x-cos-meta-fileid': 'm',
      'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
    };
    const { bucket } = await openBucket([{ headers }]);
    const head = await bucket.headObject('a', NEVER);
    expect(head).toMatchObject({
      size: 5,
      etag: 'e',
      lastModified: new Date(Date.UTC(2026, 0, 1)),
    });
    expect(head.header('x-cos-meta-fileid')).toBe('m');
  });

  it.each([
    [404, 'WX_CLOUD_FILE_NOT_FOUND'],
    [403, 'WX_CLOUD_DOWNLOAD_FAILED'],
    [204, 'WX_CLOUD_RESPONSE_MALFORMED'],
  ])('fails with %s as %s', async (status, code) => {
    const { bucket } = await openBucket([{ status }]);
    await expect(bucket.headObject('a', NEVER)).rejects.toMatchObject({ code });
  });
});

describe('copyObject', () => {
  it.each([
    [undefined, 'Copy'],
    [{ 'content-type': 'image/png' }, 'Replaced'],
  ])('with the headers %p says %s', async (headers, directive) => {
    const body = '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>';
    const { bucket, requests } = await openBucket([{ body }]);
    const copy = { fromKey: '猫/a', toKey: 'b', headers, signal: NEVER };
    await expect(bucket.copyObject(copy)).resolves.toMatchObject({ etag: 'e' });
    expect(onlyOf(requests).headers).toMatchObject({
      'x-cos-copy-source': `${SOURCE}/%E7%8C%AB/a`,
      'x-cos-metadata-directive': directive,
      'content-length': '0',
    });
  });

  it('fails with a 200 that has an error', async () => {
    const { bucket } = await openBucket([{ body: errorXml('SlowDown') }]);
    const copy = { fromKey: 'a', toKey: 'b', headers: {}, signal: NEVER };
    await expect(bucket.copyObject(copy)).rejects.toMatchObject({
      cosCode: 'SlowDown',
      retryable: true,
    });
  });
});

describe('deleteObject', () => {
  it.each<readonly [string, Reply]>([
    ['deleted', { status: 204 }],
    ['missing', { status: 404, body: errorXml('NoSuchKey') }],
  ])('succeeds for a %s object', async (_, reply) => {
    const { bucket } = await openBucket([reply]);
    await expect(bucket.deleteObject('a', NEVER)).resolves.toBeUndefined();
  });

  it.each<readonly [string, Reply]>([
    ['a missing bucket', { status: 404, body: errorXml('NoSuchBucket') }],
    ['a page', { status: 200, body: '<html></html>' }],
  ])('fails with %s', async (_, reply) => {
    const { bucket } = await openBucket([reply]);
    await expect(bucket.deleteObject('a', NEVER)).rejects.toThrow('DELETE object');
  });
});

describe('deleteObjects', () => {
  it('returns a result for each key, in order', async () => {
    const body = `<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error><Deleted><Key>a&amp;1</Key></Deleted></DeleteResult>`;
    const { bucket, requests } = await openBucket([{ body }]);
    const results = await bucket.deleteObjects(['a&1', 'b', 'c'], NEVER);
    expect(results).toMatchObject([
      { key: 'a&1', error: undefined },
      { key: 'b', error: { cosCode: 'AccessDenied', retryable: false } },
      { key: 'c', error: { code: 'WX_CLOUD_RESPONSE_MALFORMED' } },
    ]);
    const { url, headers, body: sent } = onlyOf(requests);
    expect(url).toBe('/gate%20way/?delete');
    expect(headers['content-md5']).toBe(createHash('md5').update(sent).digest('base64'));
    expect(String(sent)).toContain('<Key>a&amp;1</Key>');
  });
});

describe('listObjects', () => {
  it('asks for encoded keys', async () => {
    const body = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
    const { bucket, requests } = await openBucket([{ body }]);
    const page = { prefix: 'a b/', delimiter: '/', marker: '' };
    await expect(bucket.listObjects(page, NEVER)).resolves.toEqual({
      objects: [],
      prefixes: [],
      nextMarker: undefined,
    });
    expect(onlyOf(requests).url).toBe(
      '/gate%20way/?prefix=a%20b%2F&delimiter=%2F&max-keys=1000&encoding-type=url',
    );
  });
});

describe('completeMultipartUpload', () => {
  const call = { key: 'a', uploadId: 'u', parts: [{ partNumber: 1, etag: 'e' }], signal: NEVER };

  it('reads the result behind white space', async () => {
    const body = `   \n<CompleteMultipartUploadResult><ETag>"e-1"</ETag></CompleteMultipartUploadResult>`;
    const { bucket, requests } = await openBucket([{ body }]);
    await expect(bucket.completeMultipartUpload(call)).resolves.toMatchObject({
      isStored: true,
      etag: 'e-1',
    });
    expect(String(onlyOf(requests).body)).toBe(
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part></CompleteMultipartUpload>',
    );
  });

  it.each<readonly [string, Reply, boolean]>([
    ['a 200 with an error', { body: errorXml('InternalError') }, true],
    ['white space alone', { body: '  ' }, true],
    ['half a result', { body: '<CompleteMultipartUploadResult><ETag>"e-1"' }, true],
    ['a missing upload', { status: 404, body: errorXml('NoSuchUpload') }, false],
  ])('takes %s for no confirmation', async (_, reply, mayExist) => {
    const { bucket } = await openBucket([reply]);
    await expect(bucket.completeMultipartUpload(call)).resolves.toMatchObject({
      isStored: false,
      mayExist,
    });
  });
});

describe('uploadPart', () => {
  it('sends its MD5, and fails with another ETag', async () => {
    const { bucket, requests } = await openBucket([
      { headers: { etag: `"${md5('part')}"` } },
      { headers: { etag: '"0"' } },
    ]);
    const bytes = Buffer.from('part');
    const call = {
      key: 'a',
      uploadId: 'u',
      partNumber: 3,
      size: 4,
      open: () => bytes,
      md5: md5('part'),
      signal: NEVER,
    };
    await expect(bucket.uploadPart(call)).resolves.toEqual({ partNumber: 3, etag: md5('part') });
    expect(onlyOf(requests)).toMatchObject({
      url: '/gate%20way/a?partNumber=3&uploadId=u',
      headers: { 'content-md5': Buffer.from(md5('part'), 'hex').toString('base64') },
    });
    await expect(bucket.uploadPart(call)).rejects.toMatchObject({ retryable: true });
  });
});

describe('presign', () => {
  it('signs an address with the session token in its query', async () => {
    const { bucket } = await openBucket([{}]);
    const { url, expiresAt } = await bucket.presign({
      method: 'PUT',
      key: 'a b',
      headers: { 'content-type': 'image/png' },
      expiresInSeconds: 60,
      signal: NEVER,
    });
    const { pathname, searchParams } = new URL(url);
    expect(pathname).toBe('/gate%20way/a%20b');
    expect(searchParams.get('q-header-list')).toBe('content-type;host');
    expect(searchParams.get('x-cos-security-token')).toBe('the-session-token');
    expect(searchParams.get('q-sign-time')).toBe(
      `${Number(searchParams.get('q-sign-time')?.split(';')[0])};${expiresAt.getTime() / 1000}`,
    );
  });
});

it('listMultipartUploads tells the time of the list by the clock of COS', async () => {
  const body = '<ListMultipartUploadsResult></ListMultipartUploadsResult>';
  const date = 'Wed, 21 Oct 2026 07:28:00 GMT';
  const { bucket } = await openBucket([{ headers: { date }, body }]);
  await expect(bucket.listMultipartUploads({}, NEVER)).resolves.toEqual({
    uploads: [],
    next: undefined,
    listedAt: new Date(date),
  });
});
