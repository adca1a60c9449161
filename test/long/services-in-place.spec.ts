import {
  Body,
  Catch,
  Controller,
  Get,
  Injectable,
  Logger,
  Post,
  Query,
  UploadedFile,
  UseInterceptors,
  type ArgumentsHost,
  type INestApplication,
  type Provider,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Readable } from 'node:stream';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import {
  FileId,
  FileIds,
  getWxCloudStorageToken,
  ParseFileIdPipe,
  WxAccessTokenProvider,
  WxCloudFileInterceptor,
  WxCloudFilePipe,
  WxCloudReplyInterceptor,
  WxCloudStorageError,
  WxCloudStorageModule,
  WxCloudStorageService,
  wxCloudUpload,
  type WxCloudCallOptions,
  type WxCloudStoredFile,
  type WxCloudUploadBodyOptions,
  type WxCloudFile,
  type WxCloudUploadedFile,
} from '../../lib/index.js';
import { ADAPTERS, EXPRESS, type Adapter } from '../support/adapters.js';
import { PNG, pngOfSize, postForm, type FormPart } from '../support/forms.js';
import { until } from '../support/until.js';
import { encodeForm, openRequest } from '../e2e/http/support/raw-request.js';

const FILE_ID = 'cloud://test-env.bucket/photos/a.png';
/** An address without a listener, so that a call of the real service fails. */
const NOWHERE = {
  env: 'test-env',
  appid: 'wx0e0e0e0e0e0e0e0e',
  secret: '00000fa1e000000fa1e000000fa1e000',
  apiBaseUrl: 'http://127.0.0.1:1',
  retry: { attempts: 1 },
  upload: { memoryLimitBytes: 65_536 },
};

const makeFake = () => ({
  upload: jest.fn<
    (
      cloudPath: string,
      body: Buffer | Readable,
      options: WxCloudUploadBodyOptions,
    ) => Promise<Partial<WxCloudStoredFile>>
  >(async () => ({ fileId: FILE_ID })),
  delete: jest.fn(async (_fileId: string, _options?: WxCloudCallOptions) => {}),
});

function photosController({ FileInterceptor }: Adapter) {
  @Controller()
  class PhotosController {
    @Post('photos')
    @UseInterceptors(
      WxCloudFileInterceptor('photo', {
        path: 'photos/',
        contentTypes: ['image/*'],
        limits: { fileSize: 300_000 },
      }),
    )
    create(@FileId() fileId: string, @UploadedFile() { size, etag }: WxCloudUploadedFile) {
      return { fileId, size, etag };
    }

    @Post('failing')
    @UseInterceptors(WxCloudFileInterceptor('photo'))
    fail() {
      throw new Error('the handler fails');
    }

    @Post('declared')
    @UseInterceptors(WxCloudFileInterceptor('photo', { declaredSize: { field: 'size' } }))
    declared(@UploadedFile() { size }: WxCloudUploadedFile) {
      return { size };
    }

    @Post('wrong-path')
    @UseInterceptors(WxCloudFileInterceptor('photo', { path: () => '/not/a/path' }))
    wrongPath() {
      return {};
    }

    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine(@UploadedFile() { fileId }: WxCloudUploadedFile) {
      return { fileId };
    }

    @Get('report')
    @UseInterceptors(WxCloudReplyInterceptor({ url: true }))
    report() {
      return PNG;
    }

    @Get('size')
    async size(@Query('fileId', WxCloudFilePipe) file: WxCloudFile) {
      return { size: (await file.stat()).size };
    }

    @Post('parsed')
    parsed(@Body('fileId', ParseFileIdPipe) fileId: string) {
      return { fileId };
    }
  }
  return PhotosController;
}

const applications: INestApplication[] = [];
let emulator: WxCloudEmulator;

beforeAll(async () => {
  emulator = await startWxCloudEmulator();
});
afterEach(async () => {
  await Promise.all(applications.splice(0).map(app => app.close()));
  await emulator.reset();
});
afterAll(() => emulator.close());

@Catch()
class ErrorRecorder extends BaseExceptionFilter {
  readonly messages: string[] = [];

  override catch(error: Error, host: ArgumentsHost) {
    const { message } = (error.cause ?? error) as Error;
    this.messages.push(message);
    super.catch(error, host);
  }
}

async function listen(builder: TestingModuleBuilder, adapter = EXPRESS) {
  const testing = await builder.compile();
  const app = testing.createNestApplication(adapter.create(), { logger: false });
  const recorder = new ErrorRecorder(app.getHttpAdapter());
  app.useGlobalFilters(recorder);
  await app.listen(0, '127.0.0.1');
  applications.push(app);
  const url = await app.getUrl();
  const post = (path: string, file: Buffer = PNG, more: FormPart[] = []) =>
    postForm(`${url}/${path}`, [...more, { field: 'photo', file }]);
  const get = async (path: string) => (await fetch(`${url}/${path}`)).json() as Promise<unknown>;
  return { app, url, post, get, errors: recorder.messages };
}

/** An application with the module, whose service a test overrides. */
const withModule = (adapter = EXPRESS, options: object = NOWHERE) =>
  Test.createTestingModule({
    imports: [WxCloudStorageModule.forRoot(options as typeof NOWHERE)],
    controllers: [photosController(adapter)],
  });

const startWith = (service: object, adapter = EXPRESS) =>
  listen(withModule(adapter).overrideProvider(WxCloudStorageService).useValue(service), adapter);

/** An application without the module. */
const startWithout = (provider: Provider, adapter = EXPRESS) =>
  listen(
    Test.createTestingModule({ controllers: [photosController(adapter)], providers: [provider] }),
    adapter,
  );

describe.each(ADAPTERS)('a fake WxCloudStorageService on $name', adapter => {
  it('receives the checked file from an interceptor and names it', async () => {
    const fake = makeFake();
    const { post } = await startWith(fake, adapter);

    expect(await post('photos')).toEqual({
      status: 201,
      body: { fileId: FILE_ID, size: PNG.byteLength, etag: '' },
    });
    expect(fake.upload).toHaveBeenCalledTimes(1);
    expect(fake.upload).toHaveBeenCalledWith(
      expect.stringMatching(/^photos\/\d{4}\/\d\d\/\d\d\/[\da-f-]{36}\.png$/),
      PNG,
      expect.objectContaining({
        contentType: 'image/png',
        size: PNG.byteLength,
        uniquePath: true,
        signal: expect.any(AbortSignal),
      }),
    );
    expect(fake.delete).not.toHaveBeenCalled();
  });

  it('receives the file of the engine', async () => {
    const fake = makeFake();
    const { post } = await startWith(fake, adapter);
    expect(await post('engine')).toMatchObject({ status: 201, body: { fileId: FILE_ID } });
    expect(fake.upload.mock.calls).toMatchObject([[expect.any(String), PNG, {}]]);
  });

  it('works without the module, with the default limits', async () => {
    const fake = { ...makeFake(), stat: jest.fn(async () => ({ size: 5 })) };
    const { post, get } = await startWithout(
      { provide: WxCloudStorageService, useValue: fake },
      adapter,
    );
    expect(await post('photos')).toMatchObject({ status: 201, body: { fileId: FILE_ID } });
    expect(await post('photos', Buffer.from('text'))).toMatchObject({ status: 415 });
    expect(await get('size?fileId=cloud://any.bucket/a.png')).toEqual({ size: 5 });
    expect(await get('size?fileId=a.png')).toMatchObject({ statusCode: 400 });
  });
});

describe('a fake WxCloudStorageService', () => {
  it('is not called for a rejected file', async () => {
    const fake = makeFake();
    const { post } = await startWith(fake);
    const responses = [
      await post('photos', Buffer.from('text')),
      await post('photos', pngOfSize(300_001)),
      await post('wrong-path'),
    ];
    expect(responses.map(({ status }) => status)).toEqual([415, 413, 400]);
    expect(fake.upload).not.toHaveBeenCalled();
  });

  it('deletes the file of a failed request', async () => {
    const fake = makeFake();
    const { post } = await startWith(fake);
    expect(await post('failing')).toMatchObject({ status: 500 });
    expect(fake.delete).toHaveBeenCalledTimes(1);
    expect(fake.delete).toHaveBeenCalledWith(FILE_ID, { signal: expect.any(AbortSignal) });
  });

  it('needs no options, so that invalid ones do not matter', async () => {
    const { app, post, get } = await listen(
      withModule(EXPRESS, { env: '' })
        .overrideProvider(WxCloudStorageService)
        .useValue({ ...makeFake(), stat: async () => ({ size: 5 }) }),
    );
    expect(await post('photos')).toMatchObject({ status: 201 });
    expect(await get('size?fileId=cloud://any.bucket/a.png')).toEqual({ size: 5 });
    await expect(app.get(WxAccessTokenProvider).getAccessToken()).rejects.toMatchObject({
      option: 'env',
    });
  });

  it.each([undefined, null, 'a text'])('stops the startup when it is %j', async service => {
    const starting = withModule()
      .overrideProvider(WxCloudStorageService)
      .useFactory({ factory: () => service })
      .compile();
    await expect(starting).rejects.toThrow(
      'the service that replaces WxCloudStorageService must be an object',
    );
  });

  it('may share only the prototype of the class', async () => {
    const fake = Object.assign(Object.create(WxCloudStorageService.prototype), makeFake());
    const { app, post } = await startWith(fake);
    // After the turn in which a service loads its parts, where a failure would end the process.
    await new Promise(setImmediate);
    expect(await post('photos')).toMatchObject({ status: 201, body: { fileId: FILE_ID } });
    await expect(app.close()).resolves.toBeUndefined();
  });

  it('does not reach the storage through the methods of that prototype', async () => {
    const { post } = await startWith(Object.create(WxCloudStorageService.prototype));
    expect(await post('photos')).toMatchObject({ status: 500 });
  });

  it('lets the rest of the module close with the application', async () => {
    const { app } = await startWith(makeFake());
    await app.close();
    await expect(app.get(WxAccessTokenProvider).getAccessToken()).rejects.toMatchObject({
      code: 'WX_CLOUD_STORAGE_CLOSED',
    });
  });

  it('may fail as the storage does', async () => {
    const fake = makeFake();
    const { post } = await startWith(fake);
    fake.upload.mockRejectedValueOnce(
      new WxCloudStorageError({ code: 'WX_CLOUD_UPLOAD_REJECTED', message: 'refused' }),
    );
    expect(await post('photos')).toMatchObject({
      status: 502,
      body: { errorCode: 'WX_CLOUD_UPLOAD_REJECTED' },
    });
  });

  it('receives a larger file as a stream', async () => {
    const fake = makeFake();
    const found: Buffer[] = [];
    fake.upload.mockImplementation(async (cloudPath, body) => {
      for await (const chunk of body as Readable) found.push(chunk as Buffer);
      return { fileId: FILE_ID, cloudPath, size: 1, etag: 'e' };
    });
    const { post } = await startWith(fake);
    expect(await post('photos', pngOfSize(200_000))).toMatchObject({
      status: 201,
      body: { size: 1, etag: 'e' },
    });
    expect(Buffer.concat(found)).toEqual(pngOfSize(200_000));
    expect(found.every(chunk => Buffer.isBuffer(chunk))).toBe(true);
  });

  it('may leave the stream unread', async () => {
    const { post } = await startWith(makeFake());
    const size = (bytes: number): FormPart => ({ field: 'size', text: String(bytes) });
    expect(await post('photos', pngOfSize(200_000))).toMatchObject({ status: 201 });
    expect(await post('declared', pngOfSize(900_000), [size(900_000)])).toMatchObject({
      status: 201,
      body: { size: 900_000 },
    });
  });

  it.each([
    ['does not read it', async () => {}],
    // A stream that fails without a listener would end the process.
    ['reads it carelessly', (body: Readable) => new Promise(end => body.resume().on('close', end))],
  ])('deletes a file whose size differs from the declared one, when it %s', async (_, read) => {
    const fake = makeFake();
    fake.upload.mockImplementation(async (_path, body) => {
      await read(body as Readable);
      return { fileId: FILE_ID };
    });
    const { post } = await startWith(fake);
    const declared: FormPart = { field: 'size', text: '900000' };
    expect(await post('declared', pngOfSize(800_000), [declared])).toMatchObject({ status: 400 });
    expect(fake.delete).toHaveBeenCalledWith(FILE_ID, expect.anything());
  });

  it('deletes a file stored after the request has ended', async () => {
    const fake = makeFake();
    let resolve = () => {};
    const later = new Promise<void>(done => (resolve = done));
    fake.upload.mockReturnValue(later.then(() => ({ fileId: FILE_ID })));
    const { url } = await startWith(fake);
    const form = encodeForm([{ field: 'photo', fileName: 'a.png', content: PNG }]);
    const client = openRequest(url, { path: '/photos', length: form.byteLength });
    client.send(form);
    await until(() => fake.upload.mock.calls.length === 1);
    client.leave();
    await until(() => fake.upload.mock.calls[0]?.[2].signal?.aborted === true);
    resolve();
    await until(() => fake.delete.mock.calls.length === 1);
    expect(fake.delete.mock.calls).toMatchObject([[FILE_ID, {}]]);
  });

  it.each([
    ['nothing', undefined, 'undefined'],
    ['no file ID', { cloudPath: 'a' }, 'object'],
  ])('causes an error about the result of upload when it returns %s', async (_, given, found) => {
    const fake = makeFake();
    fake.upload.mockResolvedValue(given as object);
    const { post, errors } = await startWith(fake);
    expect(await post('photos')).toMatchObject({ status: 500 });
    expect(errors).toEqual([expect.stringContaining(`returned ${found} from upload(`)]);
  });

  it('causes an error that names a missing method', async () => {
    const { post, get, errors } = await startWith({});
    await post('photos');
    await get('report');
    await get(`size?fileId=${FILE_ID}`);
    expect(errors).toEqual([
      expect.stringContaining('no method upload()'),
      expect.stringContaining('no method upload()'),
      expect.stringContaining('no method stat()'),
    ]);
  });

  it('causes an error about a missing delete when a file is left', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { post } = await startWith({ upload: async () => ({ fileId: FILE_ID }) });
    await post('failing');
    expect(warn.mock.calls.flat()).toEqual([
      expect.stringContaining('no method delete()'),
      expect.stringContaining(FILE_ID),
    ]);
    warn.mockRestore();
  });

  it('receives the bodies that handlers return, and names and links them', async () => {
    const getDownloadUrl = jest.fn(async () => 'https://example.com/a.png');
    const fake = { ...makeFake(), getDownloadUrl };
    const { get } = await startWith(fake);
    expect(await get('report')).toMatchObject({
      fileId: FILE_ID,
      contentType: 'image/png',
      url: 'https://example.com/a.png',
    });
    expect(fake.upload.mock.calls).toMatchObject([[expect.any(String), PNG, {}]]);
  });

  it('is used by file handles, of any environment', async () => {
    const { get, url } = await startWith({ stat: async () => ({ size: 5 }) });
    const headers = { 'content-type': 'application/json' };
    const parse = (fileId: string) =>
      fetch(`${url}/parsed`, { method: 'POST', headers, body: JSON.stringify({ fileId }) });
    expect(await get(`size?fileId=${FILE_ID}`)).toEqual({ size: 5 });
    expect((await parse(FILE_ID)).status).toBe(201);
    expect((await parse('cloud://other.bucket/a.png')).status).toBe(201);
    expect((await parse('a.png')).status).toBe(400);
  });

  it('replaces a named instance by its token', async () => {
    @Controller()
    class ArchiveController {
      @Post()
      @UseInterceptors(WxCloudFileInterceptor('photo', { storage: 'archive' }))
      create(@FileId() fileId: string) {
        return { fileId };
      }
    }
    const { post } = await listen(
      Test.createTestingModule({
        imports: [WxCloudStorageModule.forRoot({ ...NOWHERE, name: 'archive' })],
        controllers: [ArchiveController],
      })
        .overrideProvider(getWxCloudStorageToken('archive'))
        .useValue(makeFake()),
    );
    expect(await post('')).toEqual({ status: 201, body: { fileId: FILE_ID } });
  });
});

@Injectable()
class CountingStorage extends WxCloudStorageService {
  readonly paths: string[] = [];

  override async upload(...[path, body, options]: Parameters<WxCloudStorageService['upload']>) {
    this.paths.push(path);
    return super.upload(path, body, options);
  }
}

describe('a subclass of WxCloudStorageService', () => {
  it('stores in the same environment, and deletes from it', async () => {
    const { app, post } = await listen(
      withModule(EXPRESS, emulator.options)
        .overrideProvider(WxCloudStorageService)
        .useClass(CountingStorage),
    );
    expect(await post('photos')).toMatchObject({ status: 201 });
    expect(await post('failing')).toMatchObject({ status: 500 });

    const { paths } = app.get<CountingStorage>(WxCloudStorageService);
    expect(paths).toHaveLength(2);
    expect(emulator.objects).toMatchObject([{ cloudPath: paths[0] }]);
  });

  it('stops the startup when the options are invalid', async () => {
    const builder = withModule(EXPRESS, { env: '' })
      .overrideProvider(WxCloudStorageService)
      .useClass(CountingStorage);
    await expect(builder.compile()).rejects.toMatchObject({ option: 'env' });
  });

  it('can work without the module where it overrides methods', async () => {
    class MemoryStorage extends WxCloudStorageService {
      override upload = async (cloudPath: string) =>
        ({ fileId: `cloud://e.b/${cloudPath}`, cloudPath }) as WxCloudStoredFile;
    }
    const { app, post } = await startWithout({
      provide: WxCloudStorageService,
      useClass: MemoryStorage,
    });
    expect(await post('engine')).toMatchObject({ status: 500 });
    expect(await post('photos')).toMatchObject({ status: 201 });
    await expect(app.get(WxCloudStorageService).stat('cloud://-.b/a')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('without WxCloudStorageModule') },
    });
  });
});

describe('another WxCloudStorageService', () => {
  it('stores the files', async () => {
    const other = await listen(withModule(EXPRESS, emulator.options));
    const { post } = await startWith(other.app.get(WxCloudStorageService));
    expect(await post('photos')).toMatchObject({ status: 201 });
    expect(emulator.objects).toHaveLength(1);
  });
});

describe('a spy on a method of WxCloudStorageService', () => {
  it('is called by the interceptors from then on', async () => {
    const { app, post } = await listen(withModule(EXPRESS, emulator.options));
    const storage = app.get(WxCloudStorageService);
    await post('photos');
    const upload = jest.spyOn(storage, 'upload').mockResolvedValue({ fileId: FILE_ID } as never);
    const remove = jest.spyOn(storage, 'delete').mockResolvedValue();
    expect(await post('photos')).toMatchObject({ body: { fileId: FILE_ID } });
    await post('failing');

    expect(emulator.objects).toHaveLength(1);
    expect(upload).toHaveBeenCalledTimes(2);
    expect(remove).toHaveBeenCalledTimes(1);
  });
});

describe('a controller in a unit test', () => {
  @Controller()
  class AlbumController {
    @Post()
    @UseInterceptors(WxCloudFileInterceptor('photo'), WxCloudReplyInterceptor())
    create(
      @UploadedFile() photo: WxCloudUploadedFile,
      @FileId('photo') fileId: string,
      @FileIds() fileIds: string[],
      @Body('other', ParseFileIdPipe) other: string,
    ) {
      return { size: photo.size, fileId, fileIds, other };
    }
  }

  it('needs neither the module nor a service', async () => {
    const testing = await Test.createTestingModule({ controllers: [AlbumController] }).compile();
    await testing.init();
    const photo = { size: 5 } as WxCloudUploadedFile;
    const created = testing.get(AlbumController).create(photo, FILE_ID, [FILE_ID], FILE_ID);
    await testing.close();
    expect(created).toEqual({ size: 5, fileId: FILE_ID, fileIds: [FILE_ID], other: FILE_ID });
  });
});
