import {
  Body,
  Controller,
  Inject,
  Logger,
  Post,
  Scope,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
  type ExecutionContext,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_INTERCEPTOR, HttpAdapterHost, REQUEST } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { FileInterceptor } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { describe, expect, it, jest } from '@jest/globals';
import {
  FileId,
  FileIds,
  getWxCloudStorageToken,
  ParseFileIdPipe,
  WxCloudAnyFilesInterceptor,
  WxCloudFileFieldsInterceptor,
  WxCloudFileInterceptor,
  WxCloudFilePipe,
  WxCloudFilesInterceptor,
  WxCloudReplyInterceptor,
  WxCloudStorageModule,
  wxCloudUpload,
} from '../../../lib/index.js';
import { startWxCloudEmulator } from '../../../lib/emulator/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { startApplication } from '../../support/application.js';
import { makeForm, PNG, postForm } from '../../support/forms.js';

@Controller()
class ArchiveController {
  @Post()
  @UseInterceptors(WxCloudFileInterceptor('photo', { storage: 'archive' }))
  create() {
    return { stored: true };
  }
}

describe('an interceptor for a named instance', () => {
  it('stops the startup when there is no such instance', async () => {
    await expect(startApplication({ controllers: [ArchiveController] })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'storage',
      message: expect.stringContaining('"archive"'),
    });
  });

  const useFactory = () => ({ env: 'e', appid: 'a', secret: 's' });
  it.each<[string, ModuleMetadata]>([
    [
      'options that inject the request',
      {
        imports: [
          WxCloudStorageModule.forRootAsync({ name: 'archive', inject: [REQUEST], useFactory }),
        ],
      },
    ],
    [
      'the scope of a fake',
      {
        providers: [
          { provide: getWxCloudStorageToken('archive'), scope: Scope.TRANSIENT, useFactory },
        ],
      },
    ],
  ])('stops the startup when the instance exists several times, by %s', async (_, metadata) => {
    const testing = await Test.createTestingModule({
      ...metadata,
      controllers: [ArchiveController],
    }).compile();
    await expect(testing.createNestApplication().init()).rejects.toMatchObject({
      option: 'storage',
      message: expect.stringMatching(/^ArchiveController\.create: .+"archive" is created for each/),
    });
  });

  it('stores with that instance', async () => {
    const archive = await startWxCloudEmulator({ env: 'archive-env' });
    const application = await startApplication({
      controllers: [ArchiveController],
      imports: [WxCloudStorageModule.forRoot({ ...archive.options, name: 'archive' })],
    });

    expect(await postForm(application.url, [{ field: 'photo', file: PNG }])).toMatchObject({
      status: 201,
    });
    expect(archive.objects).toHaveLength(1);
    expect(application.emulator.objects).toEqual([]);

    await application.close();
    await archive.close();
  });
});

describe('two instances of the same name', () => {
  it('stop the startup', async () => {
    const emulator = await startWxCloudEmulator();
    await expect(
      startApplication({ imports: [WxCloudStorageModule.forRoot(emulator.options)] }),
    ).rejects.toMatchObject({ option: 'name' });
    await emulator.close();
  });
});

describe('an invalid prefix', () => {
  it.each(['/photos/', '../photos/', 'a//b/', 'a\nb/'])('stops the startup: %j', async path => {
    @Controller()
    class PrefixController {
      @Post()
      @UseInterceptors(WxCloudFileInterceptor('photo', { path }))
      create() {
        return {};
      }
    }
    await expect(startApplication({ controllers: [PrefixController] })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'path',
    });
    expect(() => wxCloudUpload({ path })).toThrow(expect.objectContaining({ option: 'path' }));
  });
});

describe('WxCloudStorageModule.forRootAsync', () => {
  it('says what it needs without an argument', () => {
    expect(() => WxCloudStorageModule.forRootAsync({})).toThrow(
      expect.objectContaining({ option: 'useFactory' }),
    );
  });
});

const OPTIONS = { env: 'some-env', appid: 'wx0123456789abcdef', secret: 'secret' };

/** Starts an application, without a cloud, and ends it. */
async function start(
  controller: Type,
  { providers = [], configure = () => {} }: Partial<StartParts> = {},
): Promise<void> {
  const testing = await Test.createTestingModule({
    imports: [WxCloudStorageModule.forRoot(OPTIONS)],
    controllers: [controller],
    providers: [...providers],
  }).compile();
  const app = testing.createNestApplication({ logger: false });
  configure(app);
  await app.init();
  await app.close();
}

interface StartParts {
  readonly providers: readonly Provider[];
  readonly configure: (app: INestApplication) => void;
}

/** A controller with one handler that has these interceptors and parameters. */
function controllerWith(
  interceptors: readonly (NestInterceptor | Type<NestInterceptor>)[],
  ...parameters: ParameterDecorator[]
): Type {
  class PhotosController {
    create(...values: unknown[]) {
      return { values };
    }
  }
  const { prototype } = PhotosController;
  const handler = Object.getOwnPropertyDescriptor(prototype, 'create') as PropertyDescriptor;
  Controller('photos')(PhotosController);
  Post()(prototype, 'create', handler);
  UseInterceptors(...interceptors)(prototype, 'create', handler);
  for (const [index, decorate] of parameters.entries()) decorate(prototype, 'create', index);
  return PhotosController;
}

/**
 * A controller whose handler overrides that of another. Nest 11 keeps the metadata of the other's
 * parameters beside its own.
 */
function overriding(
  parent: Type,
  interceptors: readonly Type<NestInterceptor>[],
  ...parameters: ParameterDecorator[]
): Type {
  const own = controllerWith(interceptors, ...parameters);
  class ChildController extends parent {}
  const { prototype } = ChildController;
  const handler = Object.getOwnPropertyDescriptor(own.prototype, 'create') as PropertyDescriptor;
  Object.defineProperty(prototype, 'create', handler);
  const [inherited, noted] = [parent, own].map(
    type => Reflect.getMetadata('__routeArguments__', type, 'create') as object,
  );
  Reflect.defineMetadata(
    '__routeArguments__',
    { ...inherited, ...noted },
    ChildController,
    'create',
  );
  return ChildController;
}

class OtherInterceptor implements NestInterceptor {
  intercept(...[, next]: Parameters<NestInterceptor['intercept']>) {
    return next.handle();
  }
}

const one = () => WxCloudFileInterceptor('photo');
const several = () => WxCloudFilesInterceptor('photos', 3);
const fields = () => WxCloudFileFieldsInterceptor([{ name: 'cover' }, { name: 'pages' }]);
const any = () => WxCloudAnyFilesInterceptor();

describe('an invalid option of an interceptor', () => {
  const fileFilter = { fileFilter: () => true };

  it.each<[string, () => Type, string]>([
    [
      'an interceptor of a handler',
      () => controllerWith([WxCloudFileInterceptor('photo', fileFilter as object)]),
      'PhotosController.create: option "fileFilter" of WxCloudFileInterceptor is unknown. Use contentTypes',
    ],
    [
      'an interceptor of a controller',
      () => {
        const controller = controllerWith([]);
        UseInterceptors(WxCloudAnyFilesInterceptor({ limits: { fileSize: -1 } }))(controller);
        return controller;
      },
      'PhotosController.create: option "limits.fileSize" of WxCloudAnyFilesInterceptor must be',
    ],
    [
      'an interceptor that another class extends',
      () => controllerWith([class extends WxCloudFilesInterceptor('photos', 0) {}]),
      'PhotosController.create: option "maxCount" of WxCloudFilesInterceptor must be',
    ],
    [
      'a list with a hole',
      () =>
        controllerWith([WxCloudFileFieldsInterceptor(Object.assign([], { 1: { name: 'cover' } }))]),
      'PhotosController.create: option "fields[0].name" of WxCloudFileFieldsInterceptor must be',
    ],
    [
      'an inherited handler',
      () => class ChildController extends controllerWith([WxCloudFileFieldsInterceptor([])]) {},
      'ChildController.create: option "fields" of WxCloudFileFieldsInterceptor must be',
    ],
    [
      'an interceptor without options',
      () => controllerWith([WxCloudFileInterceptor('photo', null as never)]),
      'PhotosController.create: option "options" of WxCloudFileInterceptor must be an object',
    ],
    [
      'an interceptor that stores replies',
      () => controllerWith([WxCloudReplyInterceptor({ path: '/x' })]),
      'PhotosController.create: option "path" of WxCloudReplyInterceptor must be',
    ],
    [
      'a pipe of a parameter',
      () => controllerWith([], Body('id', ParseFileIdPipe.with({ prefixes: [] }))),
      'PhotosController.create: option "prefixes" of ParseFileIdPipe.with must be',
    ],
    [
      'a pipe for handles',
      () => controllerWith([], Body('id', WxCloudFilePipe.with({ many: 1 } as never))),
      'PhotosController.create: option "many" of WxCloudFilePipe.with must be',
    ],
    [
      'another option, where a function chooses the instance',
      () =>
        controllerWith([
          WxCloudFileInterceptor('photo', { storage: () => 'x', limits: { files: -1 } }),
        ]),
      'PhotosController.create: option "limits.files" of WxCloudFileInterceptor must be',
    ],
    [
      'a class in place of a function that chooses the instance',
      () =>
        controllerWith([WxCloudFileInterceptor('photo', { storage: OtherInterceptor as never })]),
      'PhotosController.create: option "storage" of WxCloudFileInterceptor must be the name',
    ],
    [
      'an instance that is missing',
      () => controllerWith([WxCloudFileInterceptor('photo', { storage: 'archive' })]),
      'PhotosController.create: option "storage" of WxCloudFileInterceptor must be',
    ],
  ])('stops the startup and is named with its handler: %s', async (_, make, message) => {
    await expect(start(make())).rejects.toMatchObject({
      name: 'OptionsInvalidError',
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('is found in an application without this module', async () => {
    const controller = controllerWith([WxCloudFileInterceptor('')]);
    const testing = await Test.createTestingModule({ controllers: [controller] }).compile();
    await expect(testing.init()).rejects.toThrow('PhotosController.create: option "field" of');
  });

  it('is found in a global interceptor, and in an instance', async () => {
    const Global = WxCloudAnyFilesInterceptor({ required: 'no' as never });
    const message =
      'a global interceptor: option "required" of WxCloudAnyFilesInterceptor must be true or false.';
    const providers = [{ provide: APP_INTERCEPTOR, useClass: Global }];
    await expect(start(controllerWith([]), { providers })).rejects.toThrow(message);

    const instance = new Global(new HttpAdapterHost());
    const configure = (app: INestApplication) => app.useGlobalInterceptors(instance);
    await expect(start(controllerWith([]), { configure })).rejects.toThrow(message);
    await expect(start(controllerWith([instance]))).rejects.toThrow('PhotosController.create: ');
  });
});

describe('an interceptor or pipe without HttpAdapterHost', () => {
  it.each<[string, () => unknown]>([
    ['WxCloudFileInterceptor', () => new (one())()],
    ['WxCloudReplyInterceptor', () => new (WxCloudReplyInterceptor())()],
    ['ParseFileIdPipe.with', () => new (ParseFileIdPipe.with({}))()],
    ['WxCloudFilePipe', () => new (WxCloudFilePipe as Type)()],
  ])('throws at once: %s', (name, make) => {
    expect(make).toThrow(
      `${name}: the interceptor or pipe must be passed as a class, which Nest instantiates. Leave out new`,
    );
  });
});

describe('an interceptor created with HttpAdapterHost', () => {
  it.each(ADAPTERS)('stores files: $name', async adapter => {
    const Global = WxCloudFileInterceptor('photo');
    const application = await startApplication({
      adapter,
      controllers: [controllerWith([], FileId())],
      configure: app => app.useGlobalInterceptors(new Global(app.get(HttpAdapterHost))),
    });
    const form = makeForm([{ field: 'photo', file: PNG }]);
    const { status } = await fetch(`${application.url}/photos`, { method: 'POST', body: form });
    const { length } = application.emulator.objects;
    await application.close();
    expect([status, length]).toEqual([201, 1]);
  });
});

describe('a decorator that does not fit its interceptor', () => {
  it.each<[string, () => Type, string]>([
    [
      '@FileId() without one',
      () => controllerWith([], FileId()),
      "@FileId() must be behind an upload interceptor; the handler has none. Add e.g. @UseInterceptors(WxCloudFileInterceptor('photo'))",
    ],
    [
      '@FileIds() without one',
      () => controllerWith([], FileIds('pages')),
      "@FileIds('pages') must",
    ],
    [
      "@FileId() behind Nest's own",
      () => controllerWith([FileInterceptor('photo')], FileId()),
      'stored elsewhere. Use WxCloudFileInterceptor, or',
    ],
    [
      '@FileId() behind the interceptor for replies',
      () => controllerWith([WxCloudReplyInterceptor()], FileId()),
      'the handler has none',
    ],
    [
      '@FileId() for another field',
      () => controllerWith([one()], FileId('foto')),
      "@FileId('foto') must be for a field that WxCloudFileInterceptor takes: \"photo\". Write @FileId('photo')",
    ],
    [
      '@FileIds() for another field',
      () => controllerWith([fields()], FileIds('others')),
      'takes: "cover", "pages". Correct the name',
    ],
    [
      '@UploadedFiles() behind one for one file',
      () => controllerWith([OtherInterceptor, one()], UploadedFiles()),
      '@UploadedFiles() must be behind an interceptor for several files; WxCloudFileInterceptor takes one. Use @UploadedFile(), or',
    ],
    [
      '@UploadedFile() behind one for a list',
      () => controllerWith([several()], UploadedFile()),
      '@UploadedFile() must be behind an interceptor for one file; WxCloudFilesInterceptor takes several. Use @UploadedFiles(), or',
    ],
    [
      '@UploadedFile() behind one for any',
      () => controllerWith([any()], UploadedFile()),
      'one file',
    ],
    [
      '@UploadedFile() behind one for fields',
      () => controllerWith([fields()], UploadedFile(new ParseFileIdPipe(new HttpAdapterHost()))),
      'one file',
    ],
    [
      '@UploadedFile() with a field',
      () => controllerWith([one()], UploadedFile('photo')),
      "@UploadedFile('photo') must be without a name, as Nest reads request.photo there",
    ],
    [
      '@UploadedFile() with one of the fields',
      () => controllerWith([fields()], UploadedFile('cover')),
      'Write @UploadedFiles().',
    ],
  ])('stops the startup: %s', async (_, make, message) => {
    const starting = start(make());
    await expect(starting).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: expect.stringContaining(message),
    });
    await expect(starting).rejects.toThrow('PhotosController.create: @');
  });

  it.each<[string, () => Type]>([
    ['one file', () => controllerWith([one()], UploadedFile(), FileId(), FileIds('photo'))],
    ['one file by its property', () => controllerWith([one()], UploadedFile('file'))],
    ['a list', () => controllerWith([several()], UploadedFiles(), FileIds(), FileId('photos'))],
    ['fields', () => controllerWith([fields()], UploadedFiles(), FileIds('cover'), FileId())],
    ['any files', () => controllerWith([any()], UploadedFiles(), FileId('whatever'))],
    [
      "another interceptor's own property",
      () => controllerWith([one()], UploadedFile('thumbnail')),
    ],
    [
      'an interceptor behind ours',
      () => controllerWith([several(), OtherInterceptor], UploadedFile()),
    ],
    ['a foreign interceptor', () => controllerWith([OtherInterceptor], FileId())],
    ['an extended interceptor', () => controllerWith([class extends one() {}], FileId('photo'))],
    [
      'a handler that is overridden without decorators',
      () =>
        class extends controllerWith([one()], FileId('foto')) {
          create() {
            return { values: [] };
          }
        },
    ],
    [
      'a handler that overrides one with @FileId()',
      () => overriding(controllerWith([one()], FileId(), FileId('photo')), [], Body()),
    ],
    [
      'a handler that overrides one with another field',
      () => overriding(controllerWith([one()], FileId('photo')), [several()], FileIds('photos')),
    ],
    [
      'a handler that overrides one with @UploadedFile()',
      () => overriding(controllerWith([one()], UploadedFile()), [several()], UploadedFiles()),
    ],
    [
      'a child of a controller with such a handler',
      () => class extends overriding(controllerWith([one()], FileId()), [], Body()) {},
    ],
    [
      'an interceptor of the controller',
      () => {
        const controller = controllerWith([], FileId('photo'), UploadedFile());
        UseInterceptors(one())(controller);
        return controller;
      },
    ],
  ])('is not reported for what fits: %s', async (_, make) => {
    await expect(start(make())).resolves.toBeUndefined();
  });

  it('is not reported for a global interceptor, however it is registered', async () => {
    const Global = WxCloudFileInterceptor('photo');
    const inside = (host: HttpAdapterHost) => ({ inner: new Global(host), intercept: () => {} });
    const inject = [HttpAdapterHost];
    const ways = [
      { providers: [{ provide: APP_INTERCEPTOR, useClass: Global }] },
      { providers: [{ provide: APP_INTERCEPTOR, useClass: Global, scope: Scope.REQUEST }] },
      { providers: [{ provide: APP_INTERCEPTOR, inject, useFactory: inside }] },
      {
        configure: (app: INestApplication) =>
          app.useGlobalInterceptors(new Global(app.get(HttpAdapterHost))),
      },
    ];
    for (const way of ways) {
      await expect(start(controllerWith([], FileId()), way)).resolves.toBeUndefined();
    }
  });

  it('stops the startup behind a global interceptor, too', async () => {
    const providers = [{ provide: APP_INTERCEPTOR, useClass: WxCloudFileInterceptor('photo') }];
    const starting = start(controllerWith([], FileId('foto')), { providers });
    await expect(starting).rejects.toThrow('takes: "photo"');
  });
});

describe('@FileId() behind a foreign interceptor', () => {
  it('is answered with 500 and logged with its handler when that stores nothing', async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const application = await startApplication({
      controllers: [controllerWith([OtherInterceptor], FileId())],
    });
    const response = await fetch(`${application.url}/photos`, { method: 'POST' });
    const { status } = response;
    const body: unknown = await response.json();
    await application.close();
    const logged = log.mock.calls.flat();
    log.mockRestore();

    expect([status, body]).toMatchObject([500, { errorCode: 'WX_CLOUD_OPTIONS_INVALID' }]);
    expect(logged).toEqual([
      expect.stringContaining(
        'POST /photos: 500 WX_CLOUD_OPTIONS_INVALID: PhotosController.create: @FileId() must',
      ),
    ]);
  });

  it('is ignored on an overridden handler', async () => {
    const parent = controllerWith([one()], FileId(), FileId('photo'));
    const application = await startApplication({ controllers: [overriding(parent, [], Body())] });
    const response = await fetch(`${application.url}/photos`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"title":"Hello"}',
    });
    const body: unknown = await response.json();
    await application.close();
    expect([response.status, body]).toEqual([201, { values: [{ title: 'Hello' }, null] }]);
  });

  it('stops the startup where the handler overrides one that it fits', async () => {
    const parent = controllerWith([one()], FileId('photo'));
    await expect(start(overriding(parent, [several()], FileId('foto')))).rejects.toThrow(
      "ChildController.create: @FileId('foto') must be for a field",
    );
    const copied = overriding(parent, []);
    await expect(start(copied)).rejects.toThrow("ChildController.create: @FileId('photo') must");
  });

  it("returns nothing to a test that calls the decorator's function", () => {
    class PhotosController {
      create() {}
    }
    FileId()(PhotosController.prototype, 'create', 0);
    const noted = Reflect.getMetadata('__routeArguments__', PhotosController, 'create') as object;
    const [{ factory }] = Object.values(noted) as [
      { factory: (data: unknown, context: ExecutionContext) => unknown },
    ];
    const file = { fieldname: 'photo', fileId: 'cloud://env.bucket/photo' };
    expect(factory(undefined, new ExecutionContextHost([{ file }]))).toBe(file.fileId);
    expect(factory(undefined, new ExecutionContextHost([{}]))).toBeUndefined();
    const fake = { switchToHttp: () => ({ getRequest: () => ({}) }) };
    expect(factory(undefined, fake as unknown as ExecutionContext)).toBeUndefined();
  });

  it('returns nothing when a test replaces our interceptor', async () => {
    const Ours = one();
    const testing = await Test.createTestingModule({
      imports: [WxCloudStorageModule.forRoot(OPTIONS)],
      controllers: [controllerWith([Ours], FileId())],
    })
      .overrideInterceptor(Ours)
      .useClass(OtherInterceptor)
      .compile();
    const app = testing.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const { status } = await fetch(`${await app.getUrl()}/photos`, { method: 'POST' });
    await app.close();
    expect(status).toBe(201);
  });

  it('returns the ID when that uses one of our interceptors, and knows its fields', async () => {
    const Inner = WxCloudFileInterceptor('photo', { required: false });
    class WrappingInterceptor extends OtherInterceptor {
      readonly #inner: NestInterceptor;
      constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
        super();
        this.#inner = new Inner(host);
      }
      override intercept(...parts: Parameters<NestInterceptor['intercept']>) {
        return this.#inner.intercept(...parts) as never;
      }
    }
    const [right, wrong] = ['photo', 'foto'].map(field =>
      controllerWith([WrappingInterceptor], FileId(field)),
    ) as [Type, Type];
    Controller('wrong')(wrong);
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const application = await startApplication({ controllers: [right, wrong] });
    const post = (route: string, parts: Parameters<typeof postForm>[1]) =>
      postForm(`${application.url}/${route}`, parts);

    const text = [{ field: 'title', text: 'none' }];
    expect(await post('photos', [{ field: 'photo', file: PNG }])).toMatchObject({
      body: { values: [expect.stringMatching(/^cloud:/)] },
    });
    expect(await post('photos', text)).toEqual({ status: 201, body: { values: [null] } });
    expect(await post('wrong', text)).toMatchObject({ status: 500 });
    await application.close();
    expect(log.mock.calls.flat()).toEqual([expect.stringContaining("@FileId('foto') must be for")]);
    log.mockRestore();
    expect(application.emulator.objects).toHaveLength(1);
  });
});

// Last, because from now on the process counts as one with an engine.
describe.each(ADAPTERS)("@FileId() behind Nest's own interceptor on $name", adapter => {
  it('returns nothing for a form without a file, and causes a logged 500 with another engine', async () => {
    const engine = adapter.FileInterceptor('photo', { storage: wxCloudUpload() });
    const elsewhere = class extends OtherInterceptor {
      override intercept(...[context, next]: Parameters<NestInterceptor['intercept']>) {
        context.switchToHttp().getRequest().file = { fieldname: 'photo' };
        return next.handle();
      }
    };
    const [stored, others, none] = [[engine], [elsewhere], [OtherInterceptor]].map(interceptors =>
      controllerWith(interceptors, FileId()),
    ) as [Type, Type, Type];
    Controller('others')(others);
    Controller('none')(none);
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const application = await startApplication({ adapter, controllers: [stored, others, none] });
    const post = (route: string, init: RequestInit) =>
      fetch(`${application.url}/${route}`, { method: 'POST', ...init });
    const responses = [
      await post('photos', { body: makeForm([{ field: 'title', text: 'none' }]) }),
      await post('photos', {}),
      await post('none', {}),
      await post('others', {}),
    ];
    await application.close();
    expect(responses.map(({ status }) => status)).toEqual([201, 201, 201, 500]);
    expect(log.mock.calls.flat()).toEqual([expect.stringContaining('are stored elsewhere')]);
    log.mockRestore();
  });
});
