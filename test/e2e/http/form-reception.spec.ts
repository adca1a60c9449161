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
  type WxCloudUploadedFile,
} from '../../../lib/index.js';
import { ADAPTERS, FASTIFY } from '../../support/adapters.js';
import { PNG, pngOfSize, postForm } from '../../support/forms.js';
import { until } from '../../support/until.js';
import {
  expectNothingLeft,
  startEdgeApplication,
  type EdgeApplication,
} from './support/edge-application.js';
import { encodeForm, headOf, openConnection, openRequest } from './support/raw-request.js';

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

/** Has every request stopped for a moment, as an application may that has to look something up. */
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
const TOO_LONG = 'n'.repeat(200);

describe.each(ADAPTERS)('on $name', adapter => {
  let application: EdgeApplication;
  beforeAll(async () => {
    application = await startEdgeApplication({
      adapter,
      controllers: [UploadsController],
      // What ends a form here is not that its client stalls.
      options: { timeouts: { idleMs: 60_000 } },
    });
  });
  afterEach(() => application.emulator.reset());
  afterAll(() => application.close());

  /** A client that sends all it has before it looks for an answer. */
  const sendAll = async (contentType: string, body: Buffer) => {
    const connection = openConnection(application.url);
    const head = headOf({ path: '/any', length: body.byteLength, connection: 'keep-alive' });
    const ending = headOf({ path: '/any', length: FORM.byteLength });
    const type = /content-type: .*\r\n/;
    connection.send(head.replace(type, `content-type: ${contentType}\r\n`), body, ending, FORM);
    return connection.answer;
  };

  it.each([
    ['a form without a boundary', 'multipart/form-data'],
    ['a form with too long a boundary', `multipart/form-data; boundary=${'x'.repeat(300)}`],
  ])('%s is refused, and the connection goes on with the next request', async (_, contentType) => {
    const answers = await sendAll(contentType, Buffer.alloc(5_000_000));

    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 201']);
    expect(answers).toContain('WX_CLOUD_FORM_INVALID');
  });

  it('a file that is refused does not end the connection either', async () => {
    const refused = encodeForm([
      { field: 'photo', content: pngOfSize(3_000_000), fileName: 'a.png' },
      { field: TOO_LONG, content: 'x' },
      { field: 'photo', content: pngOfSize(3_000_000), fileName: 'b.png' },
    ]);
    const answers = await sendAll('multipart/form-data; boundary=boundary', refused);

    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400', 'HTTP/1.1 201']);
    await until(() => application.emulator.objects.length === 1, 'the file of the good form alone');
  });

  describe('a form that goes on although it is refused', () => {
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
      return request.answer;
    };

    it('has the files before it removed at once', async () => {
      const request = openRequest(application.url, { path: '/any', length: form.byteLength });
      const behindFile = form.indexOf('--boundary', 20) + 20;
      request.send(form.subarray(0, behindFile));
      await until(() => application.emulator.objects.length === 1, 'the stored file');
      request.send(form.subarray(behindFile, -500));
      await expectNothingLeft(application);
      request.send(form.subarray(-500));

      expect(await request.answer).toMatch(/^HTTP\/1\.1 400 /);
    });

    it('is answered for what is wrong with it, not for a file that fails afterwards', async () => {
      application.emulator.faults.add({
        operation: 'post-object',
        effect: { kind: 'status', status: 403 },
        times: Infinity,
      });
      const answer = await sendRefused(() => delay(300));

      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain('WX_CLOUD_FORM_INVALID');
    });
  });

  it('a form that another interceptor has read is not the fault of its client', async () => {
    const answer = await postForm(`${application.url}/twice`, [{ field: 'photo', file: PNG }]);

    expect(answer).toMatchObject({ status: 500, body: { errorCode: 'WX_CLOUD_OPTIONS_INVALID' } });
    await expectNothingLeft(application);
  });
});

describe.each(ADAPTERS)('on $name, a small file that comes too slowly', adapter => {
  it('is bounded by timeouts.totalMs', async () => {
    const application = await startEdgeApplication({
      adapter,
      controllers: [UploadsController],
      options: { timeouts: { idleMs: 5_000, totalMs: 300 } },
    });
    const request = openRequest(application.url, { path: '/any', length: FORM.byteLength });
    request.send(FORM.subarray(0, -40));
    for (const byte of FORM.subarray(-40)) {
      await delay(20);
      request.send(Buffer.of(byte));
    }

    expect(await request.answer).toContain('WX_CLOUD_REQUEST_TIMED_OUT');
    await expectNothingLeft(application);
    await application.close();
  });
});

describe.each(ADAPTERS)('on $name, a request that something has paused', adapter => {
  it('is read all the same', async () => {
    const application = await startEdgeApplication({
      adapter,
      controllers: [UploadsController],
      imports: [PausingModule],
    });
    const file = pngOfSize(300_000);
    const answer = await postForm(`${application.url}/any`, [{ field: 'photo', file }]);

    expect(answer).toMatchObject({ status: 201, body: { sizes: [file.byteLength] } });
    await application.close();
  });
});

describe('on fastify, beside @fastify/multipart of the application', () => {
  it('forms are read', async () => {
    const application = await startEdgeApplication({
      adapter: FASTIFY,
      controllers: [UploadsController],
      configure: app => app.getHttpAdapter().getInstance().register(fastifyMultipart),
    });
    const answer = await postForm(`${application.url}/any`, [
      { field: 'title', text: '标题' },
      { field: 'photo', file: PNG },
    ]);

    expect(answer).toMatchObject({
      status: 201,
      body: { sizes: [PNG.byteLength], body: { title: '标题' } },
    });
    await application.close();
  });
});
