import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, jest } from '@jest/globals';
import { WxAccessTokenProvider, type WxCloudStorageOptions } from '../../../lib/index.js';
import { afterThisTest } from '../../support/after-test.js';
import { FAST_RETRY, startApplication } from '../../support/application.js';
import { makeLink, type CloudScript } from '../../support/scripted-cloud.js';
import { startScriptedStorage } from '../../support/storage.js';
import { withFakeTimeouts } from '../../support/fake-time.js';
import { until } from '../../support/until.js';

async function startEmulated(options: Partial<WxCloudStorageOptions> = {}) {
  const application = await startApplication({ options });
  afterThisTest(() => application.close());
  return application;
}

async function startScripted(
  script: CloudScript,
  timeouts: WxCloudStorageOptions['timeouts'] = {},
) {
  const onOrphan = jest.fn<(fileIds: readonly string[]) => void>();
  return { onOrphan, ...(await startScriptedStorage(script, { onOrphan, timeouts })) };
}

const SAME_ETAG = `"${createHash('md5').update('same').digest('hex')}"`;

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe('downloadStream without a reader', () => {
  it('causes no uncaught error', async () => {
    const { storage } = await startEmulated();
    const stream = createReadStream('/there/is/no/such/file');

    await expect(storage.upload('/refused', stream)).rejects.toMatchObject({
      code: 'WX_CLOUD_PATH_INVALID',
    });
    await until(() => stream.closed, 'a closed stream');
    expect(stream.destroyed).toBe(true);
  });
});

describe('a failed upload to a path in use', () => {
  it('keeps the earlier object after a stream of the same size', async () => {
    const { storage, emulator } = await startEmulated();
    await storage.upload('kept.txt', 'older');
    emulator.faults.add({ operation: 'post-object', effect: { kind: 'empty' } });

    await expect(storage.upload('kept.txt', once('newer'), { size: 5 })).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
    expect((await emulator.readObject('kept.txt')).toString()).toBe('older');
  });

  it.each<[string, CloudScript['headObject'] & object]>([
    ['of the same content', { headers: { 'content-length': '4', etag: SAME_ETAG } }],
    ['of other content', { headers: { 'content-length': '5', etag: '"0"' } }],
    ['that is not there any more', { status: 404 }],
  ])('reports the object without inspecting it: %s', async (_, headObject) => {
    const { storage, cloud, onOrphan } = await startScripted({
      postObject: { status: 500 },
      headObject,
    });

    await expect(storage.upload('kept.txt', 'same')).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
    expect(cloud.requests).not.toContain('HEAD /get');
    expect(cloud.requests).not.toContain('POST /tcb/batchdeletefile');
    expect(onOrphan).toHaveBeenCalledTimes(1);
  });
});

describe('an upload to an unreachable server', () => {
  it('searches for no leftovers', async () => {
    const { storage, cloud, onOrphan } = await startScripted({
      uploadLink: { body: makeLink('http://127.0.0.1:1/cos/kept.txt') },
    });

    await expect(storage.upload('kept.txt', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    expect(cloud.requests).not.toContain('POST /tcb/batchdownloadfile');
    expect(onOrphan).not.toHaveBeenCalled();
  });
});

describe('an upload link with http', () => {
  it('is rejected before a credential is sent', async () => {
    const { storage } = await startScripted({
      uploadLink: { body: makeLink('http://192.0.2.1/cos/kept.txt') },
    });
    await expect(storage.upload('kept.txt', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_RESPONSE_MALFORMED',
    });
  });
});

describe('the confirmation of COS', () => {
  const etag = `"${createHash('md5').update('x').digest('hex')}"`;
  const weak = `W/${etag}`;
  const json = { 'content-type': 'application/json; charset=utf-8' };

  it.each<[string, CloudScript['postObject'] & object]>([
    ['a 200 with the ETag', { status: 200, headers: { etag } }],
    ['a 200 with the ETag and a word', { status: 200, headers: { etag }, body: 'OK' }],
    [
      'a 201 with the ETag and its document',
      {
        status: 201,
        headers: { etag, 'content-type': 'application/xml' },
        body: "<?xml version='1.0'?><PostResponse><Key>kept.txt</Key></PostResponse>",
      },
    ],
    ['a 204', { status: 204 }],
  ])('is accepted: %s', async (_, postObject) => {
    const { storage } = await startScripted({ postObject });
    await expect(storage.upload('kept.txt', 'x')).resolves.toMatchObject({ size: 1 });
  });

  it.each<[string, CloudScript['postObject'] & object]>([
    [
      'a 200 with an error document',
      { status: 200, headers: { etag }, body: '<Error><Code>InternalError</Code></Error>' },
    ],
    ['an empty 200 without an ETag', { status: 200 }],
    ['an empty 200 with an empty ETag', { status: 200, headers: { etag: '""' } }],
    ["an empty 200 with a framework's weak ETag", { status: 200, headers: { etag: weak } }],
    ['a 200 with a word', { status: 200, body: 'OK' }],
    ['a 201 without an ETag', { status: 201, body: '<PostResponse></PostResponse>' }],
    ['a 202', { status: 202, headers: { etag } }],
    ['a 203', { status: 203, headers: { etag } }],
    ['a 206', { status: 206, headers: { etag } }],
    ["a gateway's JSON", { status: 200, headers: json, body: { code: 1, message: 'blocked' } }],
    [
      "a gateway's JSON with an ETag",
      { status: 200, headers: { ...json, etag }, body: '"blocked"' },
    ],
    ['JSON under another type', { status: 200, headers: { etag }, body: '{"message":"blocked"}' }],
    [
      'a page',
      { status: 200, headers: { 'content-type': 'text/html', etag }, body: 'please log in' },
    ],
    ['a page without a type', { status: 200, headers: { etag }, body: '<!DOCTYPE html><p>please' }],
    ['XHTML', { status: 200, headers: { etag }, body: '<?xml version="1.0"?><html></html>' }],
    ['a redirect', { status: 302, headers: { location: '/elsewhere' } }],
    ['an empty 500', { status: 500 }],
  ])('is not accepted: %s', async (_, postObject) => {
    const { cloud, storage } = await startScripted({ postObject, headObject: { status: 404 } });
    await expect(storage.upload('kept.txt', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
      retryable: true,
    });
    expect(cloud.requests.filter(request => request === 'POST /cos/kept.txt')).toHaveLength(3);
  });
});

describe('a transient rejection of a form', () => {
  const document = (code: string): string =>
    `<Error><Code>${code}</Code><Message>m</Message></Error>`;

  it.each<[string, CloudScript['postObject'] & object]>([
    ['429', { status: 429 }],
    ['408', { status: 408 }],
    ['425', { status: 425 }],
    ['409 OperationAborted', { status: 409, body: document('OperationAborted') }],
    ['400 RequestTimeout', { status: 400, body: document('RequestTimeout') }],
    ['403 SlowDown', { status: 403, body: document('SlowDown') }],
  ])('is retried: %s', async (_, postObject) => {
    const { storage, cloud } = await startScripted({ postObject, headObject: { status: 404 } });
    await expect(storage.upload('kept.txt', 'x')).rejects.toMatchObject({ retryable: true });
    expect(cloud.requests.filter(request => request === 'POST /cos/kept.txt')).toHaveLength(3);
  });
});

describe('a permanent rejection of a form', () => {
  it.each<[string, CloudScript['postObject'] & object]>([
    ['501', { status: 501 }],
    ['409', { status: 409, body: '<Error><Code>PathConflict</Code></Error>' }],
    ["a gateway's 403", { status: 403, body: 'blocked' }],
  ])('is not retried: %s', async (_, postObject) => {
    const { storage, cloud } = await startScripted({ postObject, headObject: { status: 404 } });
    await expect(storage.upload('kept.txt', 'x')).rejects.toMatchObject({ retryable: false });
    expect(cloud.requests.filter(request => request === 'POST /cos/kept.txt')).toHaveLength(1);
  });
});

describe('a failing token endpoint', () => {
  it('is called once per try of an operation', async () => {
    const { storage, emulator } = await startEmulated();
    emulator.faults.add({
      operation: 'stable-token',
      effect: { kind: 'errcode', errcode: -1 },
      times: Infinity,
    });

    await expect(storage.upload('a', 'x')).rejects.toMatchObject({ errcode: -1 });
    expect(emulator.journal).toHaveLength(FAST_RETRY.attempts);
  });
});

describe('an abandoned download', () => {
  it('ends at its timeout without a reader', async () => {
    const { storage } = await startEmulated();
    const { fileId } = await storage.upload('a', Buffer.alloc(3_000_000));
    await withFakeTimeouts(async pass => {
      const { body } = await storage.download(fileId, { timeoutMs: 60_000 });
      const failed = new Promise(resolve => body.once('error', resolve));
      pass(60_000);
      expect(await failed).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase: 'total' });
    });
  });

  it('leaves no file when the application closes during it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wx-cloud-close-'));
    afterThisTest(() => rm(folder, { recursive: true }));
    const { app, storage, emulator } = await startEmulated();
    const { fileId } = await storage.upload('a', Buffer.alloc(3_000_000));
    emulator.faults.add({ operation: 'get-object', effect: { kind: 'delay', delayMs: 300 } });
    const download = storage.downloadToFile(fileId, join(folder, `${'n'.repeat(250)}.bin`));
    await until(() => emulator.journal.some(({ operation }) => operation === 'download-links'));

    await app.close();

    await expect(download).resolves.toBeUndefined();
    expect(await readdir(folder)).toEqual([`${'n'.repeat(250)}.bin`]);
  });
});

describe('the arguments of the service', () => {
  it.each(['', 'image', 'image/', 'image/png\r\nx: y', 'image/png;a=\u0000'])(
    'reject the content type %j',
    async contentType => {
      const { storage, emulator } = await startEmulated();
      await expect(storage.upload('a', 'x', { contentType })).rejects.toMatchObject({
        code: 'WX_CLOUD_ARGUMENT_INVALID',
      });
      expect(emulator.journal).toEqual([]);
    },
  );

  it.each([null, {}, 'now'])('reject the signal %j', async signal => {
    const { storage } = await startEmulated();
    await expect(storage.upload('a', 'x', { signal: signal as never })).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 31])('reject the timeout %d', async timeoutMs => {
    const { storage } = await startEmulated();
    await expect(storage.upload('a', 'x', { timeoutMs })).rejects.toMatchObject({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
    });
  });
});

describe('WxAccessTokenProvider of a closed application', () => {
  it('provides no tokens', async () => {
    const { app } = await startEmulated();
    const provider = app.get(WxAccessTokenProvider);
    await app.close();
    await expect(provider.getAccessToken()).rejects.toMatchObject({
      code: 'WX_CLOUD_STORAGE_CLOSED',
    });
  });
});

describe('an upload aborted while connecting', () => {
  it('ends at once with nothing to delete or report', async () => {
    const caller = new AbortController();
    // Accepts the connection and never responds to the TLS handshake.
    const silent = createServer(socket => {
      afterThisTest(async () => socket.destroy());
      caller.abort();
    });
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
    afterThisTest(async () => silent.close());
    const { port } = silent.address() as AddressInfo;
    const uploadLink = { body: makeLink(`https://127.0.0.1:${port}/kept.txt`) };
    const timeouts = { connectMs: 60_000 };
    const { cloud, storage, onOrphan } = await startScripted({ uploadLink }, timeouts);

    await expect(storage.upload('kept.txt', 'x', { signal: caller.signal })).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    expect(cloud.requests).toEqual(['POST /cgi-bin/stable_token', 'POST /tcb/uploadfile']);
    expect(onOrphan).not.toHaveBeenCalled();
  });
});

describe('the option verifyEtag', () => {
  it.each([
    ['a body at hand', () => Buffer.from('content')],
    ['a stream', () => Readable.from([Buffer.from('content')])],
  ])('accepts %s with a correct ETag', async (_, make) => {
    const { storage } = await startEmulated({ upload: { verifyEtag: true } });
    await expect(storage.upload('a', make())).resolves.toMatchObject({ size: 7 });
  });

  it('rejects an object with other content', async () => {
    const { storage } = await startScriptedStorage(
      { postObject: { status: 204, headers: { etag: '"0"' } }, headObject: { status: 404 } },
      { upload: { verifyEtag: true } },
    );
    await expect(storage.upload('kept.txt', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_UPLOAD_REJECTED',
    });
  });
});
