import { setTimeout as delay } from 'node:timers/promises';
import {
  Body,
  Controller,
  Module,
  Post,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
  type MiddlewareConsumer,
  type NestModule,
} from '@nestjs/common';
import fastifyMultipart from '@fastify/multipart';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  WxCloudAnyFilesInterceptor,
  WxCloudFileInterceptor,
  wxCloudUpload,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, FASTIFY, type Adapter } from '../support/adapters.js';
import { PNG, pngOfSize, postForm } from '../support/forms.js';
import { until } from '../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from '../e2e/http/support/edge-application.js';
import {
  encodeForm,
  headOf,
  openConnection,
  openRequest,
  type RawRequest,
} from '../e2e/http/support/raw-request.js';

@Controller()
class UploadsController {
  @Post('any')
  @UseInterceptors(WxCloudAnyFilesInterceptor({ limits: { fileSize: 40_000_000 } }))
  any(@UploadedFiles() files: WxCloudUploadedFile[], @Body() body: object) {
    return { sizes: files.map(({ size }) => size), body };
  }

  @Post('twice')
  @UseInterceptors(WxCloudFileInterceptor('photo'), WxCloudFileInterceptor('photo'))
  twice(@UploadedFile() photo: WxCloudUploadedFile) {
    return { fileId: photo.fileId };
  }
}

function engineController({ FileInterceptor }: Adapter) {
  @Controller()
  class EngineController {
    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine() {
      return { stored: true };
    }
  }
  return EngineController;
}

/** Pauses every request for a moment, as a lookup in a middleware does. */
@Module({})
class PausingModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    const pause = (
      request: { readonly raw?: NodeJS.ReadableStream } & NodeJS.ReadableStream,
      _: unknown,
      next: () => void,
    ): void => {
      (request.raw ?? request).pause();
      setTimeout(next, 10);
    };
    consumer.apply(pause).forRoutes('any');
  }
}

const FORM = encodeForm([{ field: 'photo', content: PNG, fileName: 'a.png' }]);
const SLOW_FORM = encodeForm([
  { field: 'title', content: 'a slow text' },
  { field: 'photo', content: PNG, fileName: 'a.png' },
]);
const TOO_LONG = 'n'.repeat(200);

describe.each(ADAPTERS)('a rejected form on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [UploadsController],
      // A form does not end here because its client stalls.
      options: { timeouts: { idleMs: 60_000 } },
    });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  /** A client that sends everything before it reads the response. */
  const sendAll = async (contentType: string, body: Buffer) => {
    const connection = openConnection(application.url);
    const head = headOf({ path: '/any', length: body.byteLength, connection: 'keep-alive' });
    const ending = headOf({ path: '/any', length: FORM.byteLength });
    const type = /content-type: .*\r\n/;
    connection.send(head.replace(type, `content-type: ${contentType}\r\n`), body, ending, FORM);
    return connection.response;
  };

  it.each([
    ['a form without a boundary', 'multipart/form-data'],
    ['a form with too long a boundary', `multipart/form-data; boundary=${'x'.repeat(300)}`],
  ])('leaves the connection usable for the next request: %s', async (_, contentType) => {
    const responses = await sendAll(contentType, Buffer.alloc(5_000_000));

    expect(responses.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 201']);
    expect(responses).toContain('WX_CLOUD_FORM_INVALID');
  });

  it('leaves the connection usable after a rejected file', async () => {
    const refused = encodeForm([
      { field: 'photo', content: pngOfSize(3_000_000), fileName: 'a.png' },
      { field: TOO_LONG, content: 'x' },
      { field: 'photo', content: pngOfSize(3_000_000), fileName: 'b.png' },
    ]);
    const responses = await sendAll('multipart/form-data; boundary=boundary', refused);

    expect(responses.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 201']);
    await until(() => application.emulator.objects.length === 1, 'the file of the good form alone');
  });

  describe('that the client still sends', () => {
    const form = encodeForm([
      { field: 'photo', content: PNG, fileName: 'a.png' },
      { field: TOO_LONG, content: 'x' },
      { field: 'text', content: 'z'.repeat(1_000) },
    ]);
    const sendRefused = async (whenRefused: () => Promise<unknown>): Promise<string> => {
      const request = openRequest(application.url, { path: '/any', length: form.byteLength });
      request.send(form.subarray(0, -500));
      await whenRefused();
      request.send(form.subarray(-500));
      return request.response;
    };

    it('loses the files before the error at once', async () => {
      const request = openRequest(application.url, { path: '/any', length: form.byteLength });
      const behindFile = form.indexOf('--boundary', 20) + 20;
      request.send(form.subarray(0, behindFile));
      await until(() => application.emulator.objects.length === 1, 'the stored file');
      request.send(form.subarray(behindFile, -500));
      await expectNothingLeft(application);
      request.send(form.subarray(-500));

      expect(await request.response).toMatch(/^HTTP\/1\.1 400 /);
    });

    it('reports the first error, not that of a file that fails afterwards', async () => {
      application.emulator.faults.add({
        operation: 'post-object',
        effect: { kind: 'status', status: 403 },
        times: Infinity,
      });
      const response = await sendRefused(() => delay(300));

      expect(response).toMatch(/^HTTP\/1\.1 400 /);
      expect(response).toContain('WX_CLOUD_FORM_INVALID');
    });
  });

  it('is a server error when another interceptor has read the form', async () => {
    const response = await postForm(`${application.url}/twice`, [{ field: 'photo', file: PNG }]);

    expect(response).toMatchObject({
      status: 500,
      body: { errorCode: 'WX_CLOUD_OPTIONS_INVALID' },
    });
    await expectNothingLeft(application);
  });
});

/** Sends a byte at a time until the connection ends. */
async function drip(request: RawRequest, bytes: Buffer): Promise<string> {
  let index = 0;
  const dripping = setInterval(() => request.send(bytes.subarray(index, ++index)), 20);
  const response = await request.response;
  clearInterval(dripping);
  return response;
}

/** The places from which a client sends one byte at a time. */
const SLOW_FROM: readonly (readonly [string, number])[] = [
  ['before its first part', 0],
  ['in the head of a part', SLOW_FORM.indexOf('content-disposition')],
  ['in a text', SLOW_FORM.indexOf('slow text')],
  ['between two parts', SLOW_FORM.indexOf('--boundary', 20)],
  ['in a file', SLOW_FORM.indexOf(PNG)],
  ['behind its end', SLOW_FORM.byteLength],
];

describe.each(ADAPTERS)('a slow form on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [UploadsController, engineController(adapter)],
      // No single byte is late, but all of them together are.
      options: { timeouts: { idleMs: 60_000, totalMs: 300 } },
    });
  });
  afterAll(() => application.close());

  it("is ended in a text behind a file of Nest's own interceptor", async () => {
    const request = openRequest(application.url, {
      path: '/engine',
      length: SLOW_FORM.byteLength + 1_000,
      connection: 'keep-alive',
    });
    const behindFile = SLOW_FORM.subarray(0, SLOW_FORM.lastIndexOf('--boundary--'));
    const text = '--boundary\r\ncontent-disposition: form-data; name="text"\r\n\r\n';
    request.send(behindFile, text);
    const response = await drip(request, Buffer.alloc(2_000, 'x'));

    // 504 if a busy machine has not stored the file by then: its timeout began with the form.
    expect(response).toMatch(/^HTTP\/1\.1 (4\d\d|504) /);
    expect(response).toMatch(/\r\nconnection: close/i);
    await expectNothingLeft(application);
  });

  it.each(SLOW_FROM)('is limited by timeouts.totalMs: %s', async (_, from) => {
    const length = SLOW_FORM.byteLength + 1_000;
    const request = openRequest(application.url, {
      path: '/any',
      length,
      connection: 'keep-alive',
    });
    request.send(SLOW_FORM.subarray(0, from));
    const rest = Buffer.concat([SLOW_FORM.subarray(from), Buffer.alloc(1_000)]);
    const response = await drip(request, rest);

    expect(response).toMatch(/^HTTP\/1\.1 408 .*WX_CLOUD_BODY_STALLED/s);
    expect(response).toMatch(/\r\nconnection: close/i);
    await expectNothingLeft(application);
  });
});

describe.each(ADAPTERS)('a paused request on $name', adapter => {
  it('is read', async () => {
    const application = await startEdgeApplication({
      adapter,
      controllers: [UploadsController],
      imports: [PausingModule],
    });
    const file = pngOfSize(300_000);
    const response = await postForm(`${application.url}/any`, [{ field: 'photo', file }]);

    expect(response).toMatchObject({ status: 201, body: { sizes: [file.byteLength] } });
    await application.close();
  });
});

describe('the interceptors beside @fastify/multipart', () => {
  it('read forms', async () => {
    const application = await startEdgeApplication({
      adapter: FASTIFY,
      controllers: [UploadsController],
      configure: app => app.getHttpAdapter().getInstance().register(fastifyMultipart),
    });
    const response = await postForm(`${application.url}/any`, [
      { field: 'title', text: '标题' },
      { field: 'photo', file: PNG },
    ]);

    expect(response).toMatchObject({
      status: 201,
      body: { sizes: [PNG.byteLength], body: { title: '标题' } },
    });
    await application.close();
  });
});
