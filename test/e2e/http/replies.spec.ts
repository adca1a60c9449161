import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { ReadableStream } from 'node:stream/web';
import {
  Controller,
  Get,
  Head,
  HttpException,
  Post,
  StreamableFile,
  UseInterceptors,
  type Type,
} from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { concat, of, throwError } from 'rxjs';
import {
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  type WxCloudReply,
} from '../../../lib/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { makeForm, PNG, pngOfSize } from '../../support/forms.js';
import { getAndLeave } from '../../support/impatient-client.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';

const TEXT = 'some text';
const large = pngOfSize(300_000);
const chunks = () => Readable.from([large.subarray(0, 1_000), large.subarray(1_000)]);

const onCancel = jest.fn<() => void>();
const cancelled = (): ReadableStream =>
  new ReadableStream({ start: controller => controller.enqueue(large), cancel: onCancel });

/** Return values of handlers by the name of the route. */
const RESPONSES: Readonly<Record<string, () => unknown>> = {
  buffer: () => PNG,
  bytes: () => new Uint8Array(PNG),
  blob: () => new Blob([new Uint8Array(PNG)], { type: 'image/x-own' }),
  stream: () => chunks(),
  'web-stream': () => Readable.toWeb(chunks()) as ReadableStream,
  streamable: () => new StreamableFile(PNG, { type: 'image/png' }),
  'streamable-stream': () => new StreamableFile(chunks(), { length: large.byteLength }),
  named: () => ({ body: Buffer.from(TEXT), fileName: '报告.CSV', contentType: 'text/csv' }),
  'named-stream': () => ({ body: chunks(), fileName: 'x.png' }),
  promise: async () => Promise.resolve(PNG),
  observable: () => of(Buffer.from('first'), PNG),
  empty: () => Buffer.alloc(0),
  json: () => ({ body: TEXT, fileName: 'x' }),
  'json-with-bytes': () => ({ body: TEXT, more: 1 }),
  list: () => [1, 2],
  text: () => TEXT,
  nothing: () => undefined,
  fails: () => {
    throw new HttpException('no report yet', 409);
  },
  'fails-late': () =>
    concat(
      of(PNG),
      throwError(() => new HttpException('broken', 410)),
    ),
  'wrong-length': () => new StreamableFile(chunks(), { length: 5 }),
  'wrong-type': () => ({ body: PNG, contentType: 'no type' }),
  'wrong-type-stream': () => ({ body: cancelled(), contentType: 'no type' }),
  'broken-stream': () =>
    Readable.from(
      (async function* () {
        yield large;
        await Promise.resolve();
        throw new Error('the disk is gone');
      })(),
    ),
};

function controllerOf(route: string, interceptor: Type, give: () => unknown): Type {
  @Controller(route)
  class ResponseController {
    @Get()
    @UseInterceptors(interceptor)
    give() {
      return give();
    }
  }
  return ResponseController;
}

const plain = WxCloudReplyInterceptor({ path: 'out/' });

@Controller()
class MoreController {
  @Get('with-url')
  @UseInterceptors(WxCloudReplyInterceptor({ url: { maxAgeSeconds: 60 } }))
  withUrl() {
    return PNG;
  }

  @Get('own-path')
  @UseInterceptors(
    WxCloudReplyInterceptor({
      path: ({ extension, size }, request) =>
        `own/${String(request.headers['x-name'])}-${size}.${extension}`,
    }),
  )
  ownPath() {
    return PNG;
  }

  @Get('small/:kind')
  @UseInterceptors(WxCloudReplyInterceptor({ whenOverBytes: 1_000 }))
  small() {
    return PNG;
  }

  @Post('both')
  @UseInterceptors(WxCloudFileInterceptor('photo', { path: 'in/' }), plain)
  both() {
    return Buffer.from(TEXT);
  }

  @Head('head')
  @Get('head')
  @UseInterceptors(plain)
  head() {
    return PNG;
  }

  @Get('late')
  @UseInterceptors(plain)
  async late() {
    await new Promise(resolve => setTimeout(resolve, 200));
    return PNG;
  }
}

const small = WxCloudReplyInterceptor({ whenOverBytes: 100_000 });

describe.each(ADAPTERS)('WxCloudReplyInterceptor on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    const controllers = Object.entries(RESPONSES).flatMap(([name, give]) => [
      controllerOf(name, plain, give),
      controllerOf(`small-${name}`, small, give),
    ]);
    application = await startEdgeApplication({
      adapter,
      controllers: [...controllers, MoreController],
    });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  /** Reads the body too, so that no connection stays in use. */
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`${application.url}/${path}`, init);
    const { status, headers } = response;
    const body = Buffer.from(await response.arrayBuffer());
    return { status, headers, body, json: () => JSON.parse(body.toString()) as unknown };
  };
  const replyOf = async (path: string) => (await get(path)).json() as WxCloudReply;
  const read = (cloudPath: string) => application.emulator.readObject(cloudPath);

  it.each([
    ['buffer', PNG, { contentType: 'image/png', extension: 'png' }],
    ['bytes', PNG, { contentType: 'image/png', extension: 'png' }],
    ['blob', PNG, { contentType: 'image/x-own', extension: 'png' }],
    ['stream', large, { contentType: 'image/png', extension: 'png' }],
    ['web-stream', large, { contentType: 'image/png', extension: 'png' }],
    ['streamable', PNG, { contentType: 'image/png', extension: 'png' }],
    ['streamable-stream', large, { contentType: 'image/png', extension: 'png' }],
    ['named', Buffer.from(TEXT), { contentType: 'text/csv', extension: 'csv' }],
    ['named-stream', large, { contentType: 'image/png', extension: 'png' }],
    ['promise', PNG, { contentType: 'image/png', extension: 'png' }],
    ['observable', PNG, { contentType: 'image/png', extension: 'png' }],
    ['small-stream', large, { contentType: 'image/png', extension: 'png' }],
    ['small-web-stream', large, { contentType: 'image/png', extension: 'png' }],
    ['small-streamable-stream', large, { contentType: 'image/png', extension: 'png' }],
  ])('stores %s and responds with a file ID', async (path, bytes, { contentType, extension }) => {
    const response = await get(path);
    const reply = response.json() as WxCloudReply;

    expect(response.status).toBe(200);
    expect(reply).toEqual({
      fileId: expect.stringMatching(/^cloud:\/\//),
      cloudPath: expect.stringMatching(
        new RegExp(`\\d{4}/\\d\\d/\\d\\d/[\\w-]{36}\\.${extension}$`),
      ),
      size: bytes.byteLength,
      contentType,
    });
    expect((await read(reply.cloudPath)).equals(bytes)).toBe(true);
    expect(application.emulator.objects).toMatchObject([{ contentType, fileIdAlive: true }]);
    expect(await application.countSpoolHandles()).toBe(0);
  });

  it('stores an empty body', async () => {
    expect(await replyOf('empty')).toMatchObject({ size: 0 });
  });

  it.each([
    ['json', { body: TEXT, fileName: 'x' }],
    ['json-with-bytes', { body: TEXT, more: 1 }],
    ['list', [1, 2]],
  ])('of %s passes as it is', async (path, expected) => {
    expect((await get(path)).json()).toEqual(expected);
    expect(application.emulator.objects).toEqual([]);
  });

  it.each([
    ['text', TEXT],
    ['nothing', ''],
  ])('of %s passes as it is', async (path, expected) => {
    expect((await get(path)).body.toString()).toBe(expected);
  });

  it.each([
    ['fails', 409, 'no report yet'],
    ['fails-late', 410, 'broken'],
  ])('stores nothing when a reply %s', async (path, status, message) => {
    const response = await get(path);
    expect([response.status, response.json()]).toEqual([status, { statusCode: status, message }]);
    await expectNothingLeft(application);
  });

  it.each([
    ['small-buffer', PNG, 'image/png'],
    ['small-bytes', PNG, 'image/png'],
    ['small-streamable', PNG, 'image/png'],
    ['small-promise', PNG, 'image/png'],
    ['small-named', Buffer.from(TEXT), 'text/csv'],
    ['small-empty', Buffer.alloc(0), 'application/octet-stream'],
  ])('sends %s unchanged below the limit', async (path, bytes, contentType) => {
    const response = await get(path);
    expect(response.body.equals(bytes)).toBe(true);
    expect(response.headers.get('content-type')).toContain(contentType);
    expect(application.emulator.objects).toEqual([]);
  });

  it('keeps the name of a body that is sent unchanged', async () => {
    const { headers } = await get('small-named');
    expect(headers.get('content-disposition')).toContain("filename*=UTF-8''%E6%8A%A5");
  });

  it('adds a temporary link on request', async () => {
    const { url = '' } = await replyOf('with-url');
    expect(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(PNG)).toBe(true);
  });

  it('stores at the path of a function', async () => {
    const response = await get('own-path', { headers: { 'x-name': 'me' } });
    expect(response.json()).toMatchObject({ cloudPath: `own/me-${PNG.byteLength}.png` });
  });

  it('keeps both the reply and the uploaded file of its request', async () => {
    const { status, body } = await application.post('both');
    expect([status, body]).toMatchObject([201, { size: TEXT.length }]);
    expect(application.emulator.objects).toHaveLength(2);
  });

  it('stores nothing for HEAD', async () => {
    expect((await get('head', { method: 'HEAD' })).status).toBe(200);
    expect(application.emulator.objects).toEqual([]);
  });

  it.each([
    ['wrong-length', 500, 'WX_CLOUD_SIZE_MISMATCHED'],
    ['wrong-type', 500, 'WX_CLOUD_ARGUMENT_INVALID'],
    ['broken-stream', 500, 'WX_CLOUD_BODY_FAILED'],
    ['small-broken-stream', 500, 'WX_CLOUD_BODY_FAILED'],
  ])('reports %s as a server error', async (path, status, errorCode) => {
    const response = await get(path);
    expect([response.status, response.json()]).toMatchObject([status, { errorCode }]);
    await expectNothingLeft(application);
  });

  it('responds with 502 to a rejected reply and deletes the upload of the same request', async () => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'cos-error', cosCode: 'AccessDenied' },
      after: 1,
      times: Infinity,
    });
    expect(await application.post('both')).toMatchObject({
      status: 502,
      body: { errorCode: 'WX_CLOUD_UPLOAD_REJECTED' },
    });
    await expectNothingLeft(application);
  });

  it.each(['wrong-type-stream', 'small-wrong-type-stream'])(
    'closes the stream of %s',
    async path => {
      onCancel.mockClear();
      expect((await get(path)).status).toBe(500);
      expect(onCancel).toHaveBeenCalledTimes(1);
    },
  );

  it('deletes a reply without a link', async () => {
    application.emulator.faults.add({
      operation: 'download-links',
      effect: { kind: 'errcode', errcode: -501005 },
      times: Infinity,
    });
    expect((await get('with-url')).status).toBe(502);
    await expectNothingLeft(application);
  });

  it.each(['late', 'buffer'])('deletes %s when the client has left before it', async path => {
    application.emulator.faults.add({
      operation: 'post-object',
      effect: { kind: 'delay', delayMs: 300 },
    });
    await getAndLeave(`${application.url}/${path}`, () => delay(100));
    await delay(300);
    await expectNothingLeft(application);
  });
});

describe.each(ADAPTERS)('a pending path function on $name', adapter => {
  const path = (): Promise<string> => new Promise(() => {});

  @Controller('endless')
  class EndlessController {
    @Get()
    @UseInterceptors(WxCloudReplyInterceptor({ path }))
    give() {
      return PNG;
    }

    @Post()
    @UseInterceptors(WxCloudFileInterceptor('photo', { path }))
    take() {}
  }

  it.each<[string, RequestInit]>([
    ['a reply', {}],
    ['a form', { method: 'POST', body: makeForm([{ field: 'photo', file: PNG }]) }],
  ])('ends with the timeout of %s', async (_, init) => {
    const application = await startEdgeApplication({
      adapter,
      controllers: [EndlessController],
      options: { timeouts: { totalMs: 300 } },
    });
    const response = await fetch(`${application.url}/endless`, init);
    const body = await response.json();
    await application.close();
    expect([response.status, body]).toMatchObject([
      504,
      { errorCode: 'WX_CLOUD_REQUEST_TIMED_OUT' },
    ]);
  });
});
