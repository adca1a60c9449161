import {
  Controller,
  Get,
  Injectable,
  Logger,
  Post,
  Req,
  Res,
  ServiceUnavailableException,
  UseFilters,
  UseInterceptors,
  type CallHandler,
  type NestInterceptor,
} from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { AnyFilesInterceptor as ExpressAnyFiles } from '@nestjs/platform-express';
import { AnyFilesInterceptor as FastifyAnyFiles } from '@nestjs/platform-fastify/multipart';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tap } from 'rxjs';
import {
  WxCloudAnyFilesInterceptor,
  WxCloudExceptionFilter,
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  WxCloudStorageModule,
  WxCloudStorageService,
  wxCloudUpload,
  type WxCloudServedResponse,
  type WxCloudServedRequest,
} from '../../../lib/index.js';
import { ADAPTERS, type Adapter } from '../../support/adapters.js';
import { startApplication, type TestApplication } from '../../support/application.js';
import { pngOfSize, PNG, postForm, type FormPart } from '../../support/forms.js';
import { recordSecrets, type SecretRecorder } from '../../support/secret-recorder.js';
import { until } from '../../support/until.js';
import { encodeForm, headOf, openConnection } from '../http/support/raw-request.js';

interface Line {
  readonly level: string;
  readonly text: string;
  /** The last argument of a logger call. */
  readonly context: unknown;
}

const lines: Line[] = [];
const take =
  (level: string) =>
  (text: unknown, ...more: unknown[]): void =>
    void lines.push({ level, text: String(text), context: more.at(-1) });

function takeLines(): void {
  lines.length = 0;
  Logger.overrideLogger({
    log: take('log'),
    warn: take('warn'),
    error: take('error'),
    debug: take('debug'),
  });
}

const errorLines = (): string[] =>
  lines.filter(({ level }) => level === 'error').map(({ text }) => text);

describe('the lines of the log', () => {
  let application: TestApplication;
  beforeEach(async () => {
    application = await startApplication();
    takeLines();
  });
  afterEach(async () => {
    Logger.overrideLogger(false);
    await application.close();
  });

  it('name a fetched token by its life only, at debug', async () => {
    const { storage, emulator } = application;
    await storage.upload('a', 'b');
    expect(lines).toEqual([
      {
        level: 'debug',
        text: 'An access token was fetched; it expires in 7200 s.',
        context: WxCloudStorageModule.name,
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain(emulator.options.secret);
  });

  it('omit what the caller receives as an error', async () => {
    application.emulator.misconfigure('wrong-secret');
    await expect(application.storage.upload('a', 'b')).rejects.toMatchObject({ errcode: 40125 });
    expect(lines).toEqual([]);
  });
});

/** The ID of an existing file. */
let fileId: string;

/** The errors that our interceptors pass to outer ones. */
const passed: unknown[] = [];

@Injectable()
class RecordingInterceptor implements NestInterceptor {
  async intercept(_: unknown, next: CallHandler) {
    return next.handle().pipe(tap({ error: (error: unknown) => void passed.push(error) }));
  }
}

function failingController({ name, FileInterceptor }: Adapter) {
  const AnyFiles = { express: ExpressAnyFiles, fastify: FastifyAnyFiles }[name];
  const ours = WxCloudFileInterceptor('photo', { contentTypes: ['image/*'] });

  @Controller('albums/:id')
  @UseInterceptors(RecordingInterceptor)
  class FailingController {
    constructor(private readonly storage: WxCloudStorageService) {}

    @Post('photo')
    @UseInterceptors(ours)
    photo() {}

    @Post('photos')
    @UseInterceptors(WxCloudAnyFilesInterceptor())
    photos() {}

    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine() {}

    @Post('engine-many')
    @UseInterceptors(AnyFiles({ storage: wxCloudUpload() }))
    engineMany() {}

    @Post('handler')
    @UseInterceptors(ours)
    async handler() {
      await this.storage.downloadBuffer(fileId);
    }

    @Post('own')
    @UseInterceptors(ours)
    own() {
      throw new ServiceUnavailableException();
    }

    @Get('reply')
    @UseInterceptors(WxCloudReplyInterceptor())
    reply() {
      return PNG;
    }

    @Get('plain')
    async plain() {
      await this.storage.upload('a.png', PNG);
    }

    @Get('serve')
    async serve(@Req() request: WxCloudServedRequest, @Res() response: WxCloudServedResponse) {
      await this.storage.serve(fileId, { request, response });
    }

    @Get('bare-filter')
    @UseFilters(new WxCloudExceptionFilter())
    async bareFilter() {
      await this.storage.upload('a.png', PNG);
    }

    @Get('malformed-bare-filter')
    @UseFilters(new WxCloudExceptionFilter())
    async malformedBareFilter() {
      await this.storage.stat('nothing of the kind');
    }

    @Get('malformed')
    async malformed() {
      await this.storage.stat('nothing of the kind');
    }
  }
  return FailingController;
}

const DENIED = { kind: 'cos-error', cosCode: 'AccessDenied' } as const;
const FORM: readonly FormPart[] = [{ field: 'photo', file: PNG }];
const FORM_OF_MANY: readonly FormPart[] = ['a', 'b', 'c'].map(field => ({ field, file: PNG }));

/** A request for one upload, byte for byte. */
function requestOf(path: string): Buffer {
  const form = encodeForm([{ field: 'photo', content: pngOfSize(5_000), fileName: 'a.png' }]);
  const head = headOf({ path: `/albums/7/${path}`, length: form.byteLength });
  return Buffer.concat([Buffer.from(head), form]);
}

describe.each(ADAPTERS)('the log on $name', adapter => {
  let application: TestApplication;
  let recorder: SecretRecorder;
  beforeAll(async () => {
    recorder = recordSecrets();
    application = await startApplication({
      adapter,
      controllers: [failingController(adapter)],
      options: { dispatcher: recorder.dispatcher },
      configure: app => {
        app.useGlobalFilters(new WxCloudExceptionFilter(app.getHttpAdapter()));
      },
    });
    ({ fileId } = await application.storage.upload('served.png', PNG));
    takeLines();
  });
  beforeEach(() => {
    lines.length = 0;
    passed.length = 0;
  });
  afterEach(() => application.emulator.faults.clear());
  afterAll(async () => {
    Logger.overrideLogger(false);
    await application.close();
    await recorder.close();
  });

  const refuse = (operation: 'post-object' | 'get-object'): void =>
    void application.emulator.faults.add({ operation, effect: DENIED, times: Infinity });
  const post = (path: string, form = FORM) =>
    postForm(`${application.url}/albums/7/${path}?token=secret`, form);
  const get = (path: string) => fetch(`${application.url}/albums/7/${path}?token=secret`);

  it.each([
    ['an upload', 'photo', FORM],
    ['an upload of several files', 'photos', FORM_OF_MANY],
    ["an upload behind Nest's own interceptor", 'engine', FORM],
    ["several files behind Nest's own interceptor", 'engine-many', FORM_OF_MANY],
  ])('has one line for %s that fails, and its stack at debug', async (_, path, form) => {
    refuse('post-object');

    expect(await post(path, form)).toMatchObject({
      status: 502,
      body: { errorCode: 'WX_CLOUD_UPLOAD_REJECTED' },
    });

    const [line, ...others] = lines.filter(({ level }) => level === 'error');
    expect(others).toEqual([]);
    expect(line?.text).toMatch(
      new RegExp(
        `^POST /albums/:id/${path}: 502 WX_CLOUD_UPLOAD_REJECTED: Uploading ".+" failed: .+ ` +
          'Check that .+\\. \\(nestjs.+#wx_cloud_upload_rejected\\) \\[cosCode=AccessDenied upstreamStatus=403 requestId=.+\\]$',
      ),
    );
    expect(line?.context).toBe(WxCloudStorageModule.name);
    expect(lines.filter(({ level }) => level === 'debug')).toEqual([
      expect.objectContaining({ text: expect.stringMatching(/^[^]+\n +at /) }),
    ]);
    const { secret } = application.emulator.options;
    const shown = JSON.stringify(lines);
    expect([secret, ...recorder.secrets].filter(value => shown.includes(value))).toEqual([]);
  });

  it('has one line for a storage error behind an interceptor and the filter', async () => {
    refuse('get-object');
    expect(await post('handler')).toMatchObject({ status: 502 });
    expect(errorLines()).toEqual([
      expect.stringMatching(/^POST \/albums\/:id\/handler: 502 WX_CLOUD_DOWNLOAD_FAILED: /),
    ]);
  });

  it('has one line for a reply that cannot be stored', async () => {
    refuse('post-object');
    expect((await get('reply')).status).toBe(502);
    expect(errorLines()).toEqual([
      expect.stringMatching(/^GET \/albums\/:id\/reply: 502 WX_CLOUD_UPLOAD_REJECTED: /),
    ]);
  });

  it.each([
    ['a handler', 'plain', 'post-object', 'UPLOAD_REJECTED'],
    ['a file to serve', 'serve', 'get-object', 'DOWNLOAD_FAILED'],
    ['a handler, without an adapter,', 'bare-filter', 'post-object', 'UPLOAD_REJECTED'],
  ] as const)('has one line of the filter for %s that fails', async (_, path, operation, code) => {
    refuse(operation);
    expect((await get(path)).status).toBe(502);
    expect(errorLines()).toEqual([
      expect.stringMatching(new RegExp(`^GET /albums/:id/${path}: 502 WX_CLOUD_${code}: `)),
    ]);
  });

  it.each([
    ['is refused', 'photo', Buffer.from('a text'), 415],
    ['fails by an exception of the application', 'own', PNG, 503],
  ])('has no line for an upload that %s', async (_, path, file, status) => {
    expect((await post(path, [{ field: 'photo', file }])).status).toBe(status);
    expect(lines).toEqual([]);
  });

  it.each(['malformed', 'malformed-bare-filter'])(
    'has no line of the filter for a client error: %s',
    async path => {
      const response = await get(path);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errorCode: 'WX_CLOUD_FILE_ID_INVALID' });
      expect(lines).toEqual([]);
    },
  );

  it.each([
    ['an upload', requestOf('photo')],
    ["an upload behind Nest's own interceptor", requestOf('engine')],
    ['a reply that is stored', 'GET /albums/7/reply HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ])('has no line for a client that leaves during %s', async (_, bytes) => {
    const { emulator, url } = application;
    emulator.faults.add({ operation: 'post-object', effect: { kind: 'hang', at: 'request' } });
    const countLinks = (): number =>
      emulator.journal.filter(({ operation }) => operation === 'upload-link').length;
    const before = countLinks();
    const request = openConnection(url);
    request.send(bytes);
    await until(() => countLinks() > before, 'an upload on its way');

    request.leave();

    await until(() => passed.length === 1, 'the end of the upload');
    expect(passed).toMatchObject([{ response: { errorCode: 'WX_CLOUD_REQUEST_ABORTED' } }]);
    expect(errorLines()).toEqual([]);
  });

  it('has one line for a resolver, without a route, whose client sees no more than others', async () => {
    refuse('post-object');
    const { app, storage } = application;
    const resolver = { upload: () => storage.upload('b.png', PNG) };
    const upload = app
      .get(ExternalContextCreator)
      .create(
        resolver,
        resolver.upload,
        'upload',
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
        'graphql',
      );
    await expect(upload()).rejects.toMatchObject({
      status: 502,
      message: 'The cloud storage could not complete the request.',
    });
    expect(errorLines()).toEqual([expect.stringMatching(/^502 WX_CLOUD_UPLOAD_REJECTED: /)]);
  });
});
