import { inspect } from 'node:util';
import { Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { Test, type OverrideBy, type TestingModuleBuilder } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import {
  getWxCloudStorageOptionsToken,
  getWxCloudStorageToken,
  InjectWxCloudStorage,
  WxAccessTokenProvider,
  WxCloudStorageModule,
  WxCloudStorageService,
  type WxCloudAuth,
  type WxCloudStorageOptions,
  type WxCloudStorageOptionsFactory,
} from '../../lib/index.js';

let emulator: WxCloudEmulator;
let archive: WxCloudEmulator;
beforeAll(async () => {
  emulator = await startWxCloudEmulator();
  archive = await startWxCloudEmulator({ env: 'archive-env' });
});
afterAll(async () => {
  await emulator.close();
  await archive.close();
});

/** Runs work without the variables that `forRoot()` reads. */
const clean = Object.entries(process.env).filter(([name]) => !/^(WX|CBR)_/.test(name));
beforeEach(() => {
  process.env = Object.fromEntries(clean);
});

@Injectable()
class StorageConfig implements WxCloudStorageOptionsFactory {
  create(): WxCloudStorageOptions {
    return emulator.options;
  }
}

class Renamed {
  createOptions(): WxCloudStorageOptions {
    return emulator.options;
  }
}

class EnvOnly {
  create() {
    return { env: 'e' };
  }
}

const forRootWith = (auth: WxCloudAuth): DynamicModule =>
  WxCloudStorageModule.forRoot({ env: 'e', auth });

@Module({ providers: [StorageConfig], exports: [StorageConfig] })
class ConfigModule {}

const compile = (...imports: Parameters<typeof Test.createTestingModule>[0]['imports'] & object) =>
  Test.createTestingModule({ imports }).compile();

describe('WxCloudStorageModule', () => {
  it.each([
    ['forRoot', () => WxCloudStorageModule.forRoot(emulator.options)],
    ['a factory', () => WxCloudStorageModule.forRootAsync({ useFactory: () => emulator.options })],
    [
      'an async factory',
      () => WxCloudStorageModule.forRootAsync({ useFactory: async () => emulator.options }),
    ],
    [
      'a factory with dependencies',
      () =>
        WxCloudStorageModule.forRootAsync({
          imports: [ConfigModule],
          inject: [StorageConfig],
          useFactory: (config: StorageConfig) => config.create(),
        }),
    ],
    ['a class', () => WxCloudStorageModule.forRootAsync({ useClass: StorageConfig })],
    [
      'an existing provider',
      () =>
        WxCloudStorageModule.forRootAsync({ imports: [ConfigModule], useExisting: StorageConfig }),
    ],
  ])('reads its options from %s', async (_, makeModule) => {
    const app = await compile(makeModule());
    const stored = await app.get(WxCloudStorageService).upload('a.txt', 'x');
    expect(stored.fileId).toBe(`cloud://${emulator.env}.${emulator.bucket}/a.txt`);
    expect(await app.get(WxAccessTokenProvider).getAccessToken()).toEqual(expect.any(String));
    await app.close();
  });

  it('is available in every module when it is global', async () => {
    @Injectable()
    class Album {
      constructor(@Inject(WxCloudStorageService) readonly storage: WxCloudStorageService) {}
    }
    @Module({ providers: [Album] })
    class AlbumModule {}
    const app = await compile(
      WxCloudStorageModule.forRoot({ ...emulator.options, isGlobal: true }),
      AlbumModule,
    );
    expect(app.get(Album, { strict: false }).storage).toBeInstanceOf(WxCloudStorageService);
    await app.close();
  });

  it('serves several environments by name', async () => {
    @Injectable()
    class Mover {
      constructor(
        @InjectWxCloudStorage() readonly current: WxCloudStorageService,
        @InjectWxCloudStorage('archive') readonly old: WxCloudStorageService,
      ) {}
    }
    @Module({
      imports: [
        WxCloudStorageModule.forRoot(emulator.options),
        WxCloudStorageModule.forRootAsync({ name: 'archive', useFactory: () => archive.options }),
      ],
      providers: [Mover],
    })
    class MoverModule {}
    const app = await compile(MoverModule);
    const { current, old } = app.get(Mover, { strict: false });

    expect((await current.upload('a', 'x')).fileId).toContain(emulator.env);
    expect((await old.upload('a', 'x')).fileId).toContain('archive-env');
    await app.close();
  });

  it.each([
    ['a missing env', { env: undefined }, '"env"'],
    ['a missing secret', { secret: '' }, '"secret"'],
    ['a number that is none', { timeouts: { totalMs: Number.NaN } }, '"timeouts.totalMs"'],
    ['a misspelt option', { timeout: 5 }, '"timeout"'],
    ['plain http to another host', { apiBaseUrl: 'http://api.weixin.qq.com' }, '"apiBaseUrl"'],
  ])('stops the startup on %s with one line that names it', async (_, change, name) => {
    const options = { ...emulator.options, ...change } as WxCloudStorageOptions;
    const start = compile(WxCloudStorageModule.forRootAsync({ useFactory: () => options }));
    await expect(start).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: expect.stringMatching(new RegExp(`^[^\\n]*${name.replaceAll('.', '\\.')}[^\\n]*$`)),
    });
  });

  describe('without options', () => {
    it.each([
      [undefined, false],
      [{}, false],
      [{ isGlobal: true }, true],
    ])('reads the environment variables at startup: forRoot(%j)', async (extras, isGlobal) => {
      const imported = WxCloudStorageModule.forRoot(extras as { isGlobal: boolean });
      process.env['WX_ENV_ID'] = emulator.options.env;
      process.env['WX_APPID'] = emulator.options.appid;
      process.env['WX_SECRET'] = emulator.options.secret;
      process.env['WX_API_BASE_URL'] = emulator.url;

      const app = await compile(imported);
      const stored = await app.get(WxCloudStorageService).upload('a.txt', 'x');

      expect(stored.fileId).toContain(emulator.env);
      expect(imported.global).toBe(isGlobal);
      await app.close();
    });

    it('logs one line for each instance with its settings', async () => {
      process.env['WX_ENV_ID'] = emulator.options.env;
      process.env['WX_APPID'] = emulator.options.appid;
      process.env['WX_SECRET'] = emulator.options.secret;
      process.env['WX_API_BASE_URL'] = emulator.url;
      const log = jest.fn();
      const app = await Test.createTestingModule({
        imports: [
          WxCloudStorageModule.forRoot(),
          WxCloudStorageModule.forRoot({ ...archive.options, name: 'archive' }),
        ],
      })
        .setLogger({ log, warn: log, error: log, debug: log })
        .compile();
      await app.close();

      const lines = log.mock.calls.filter(([, context]) => context === 'WxCloudStorageModule');
      const [ours, theirs] = [emulator.url, archive.url].map(url => new URL(url).host);
      expect(lines.map(([line]) => line)).toEqual([
        `env=${emulator.env} auth=stable-token api=${ours} source=environment`,
        `env=archive-env auth=stable-token api=${theirs} instance=archive`,
      ]);
    });

    it('stops the startup on a missing variable and names it', async () => {
      process.env['WX_ENV_ID'] = emulator.options.env;
      process.env['WX_APPID'] = emulator.options.appid;
      await expect(compile(WxCloudStorageModule.forRoot())).rejects.toMatchObject({
        option: 'secret',
        message: expect.stringMatching(/variable WX_SECRET must be set/),
      });
    });

    it('stops the startup of a named instance, which reads no variables', async () => {
      process.env['WX_ENV_ID'] = emulator.options.env;
      const start = compile(WxCloudStorageModule.forRoot({ name: 'archive' } as never));
      await expect(start).rejects.toMatchObject({
        option: 'env',
        message: expect.stringContaining('"archive" has a name and reads no environment variables'),
      });
    });
  });

  const { A_VARIABLE_THAT_IS_NOT_SET: maybe } = process.env;
  const auth = { type: 'open-api-service' } as const;
  const keys = { env: 'e', appid: 'a', secret: 's' };
  it.each<[string, () => DynamicModule]>([
    // @ts-expect-error neither options nor extras
    ['an empty object', () => WxCloudStorageModule.forRoot({})],
    // @ts-expect-error no way to authenticate
    ['env alone', () => WxCloudStorageModule.forRoot({ env: 'e' })],
    // @ts-expect-error no way to authenticate
    ['env beside isGlobal', () => WxCloudStorageModule.forRoot({ env: 'e', isGlobal: true })],
    // @ts-expect-error no secret
    ['no secret', () => WxCloudStorageModule.forRoot({ env: 'e', appid: 'a' })],
    // @ts-expect-error no AppID
    ['no AppID', () => WxCloudStorageModule.forRoot({ env: 'e', secret: 's' })],
    // @ts-expect-error no env
    ['no env', () => WxCloudStorageModule.forRoot({ appid: 'a', secret: 's' })],
    // @ts-expect-error no env
    ['no env beside auth', () => WxCloudStorageModule.forRoot({ auth })],
    // @ts-expect-error two ways to authenticate
    ['auth and AppID', () => WxCloudStorageModule.forRoot({ env: 'e', appid: 'a', auth })],
    // @ts-expect-error two ways to authenticate
    ['auth, AppID and secret', () => WxCloudStorageModule.forRoot({ ...keys, auth })],
    // @ts-expect-error no secret in auth
    ['auth without secret', () => forRootWith({ type: 'stable-token', appid: 'a' })],
    // @ts-expect-error the secret may be missing
    ['a maybe', () => WxCloudStorageModule.forRoot({ env: 'e', appid: 'a', secret: maybe })],
    // @ts-expect-error no such option
    ['a misspelt option', () => WxCloudStorageModule.forRoot({ env: 'e', auth, timeout: 5 })],
    // @ts-expect-error an option without those that are required
    ['timeouts alone', () => WxCloudStorageModule.forRoot({ isGlobal: true, timeouts: {} })],
    // @ts-expect-error an instance with a name reads no environment
    ['a name alone', () => WxCloudStorageModule.forRoot({ isGlobal: true, name: 'archive' })],
    // @ts-expect-error a factory of less
    ['a factory', () => WxCloudStorageModule.forRootAsync({ useFactory: () => ({ env: 'e' }) })],
    // @ts-expect-error a class with another method
    ['another method', () => WxCloudStorageModule.forRootAsync({ useClass: Renamed })],
    // @ts-expect-error a factory of nothing
    ['nothing', () => WxCloudStorageModule.forRootAsync({ useFactory: () => {} })],
    // @ts-expect-error a class of less
    ['a class', () => WxCloudStorageModule.forRootAsync({ useClass: EnvOnly })],
  ])('neither compiles nor starts with conflicting options: %s', async (_, make) => {
    await expect((async () => compile(make()))()).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
    });
  });

  it.each([
    ['isGlobal', 'false'],
    ['isGlobal', null],
    ['name', ''],
    ['name', null],
    ['name', 5],
  ])('rejects %s %j, which JavaScript accepts', (option, value) => {
    const extras = { [option]: value } as object;
    const imports = [
      () => WxCloudStorageModule.forRoot({ ...emulator.options, ...extras }),
      () => WxCloudStorageModule.forRootAsync({ useFactory: () => emulator.options, ...extras }),
    ];
    for (const make of imports) {
      expect(make).toThrow(`WxCloudStorageModule: option "${option}" must be`);
    }
  });

  it('accepts undefined for optional options', async () => {
    const { appid, secret, ...others } = { ...emulator.options, timeouts: undefined };
    const classic = { type: 'access-token', appid, secret } as const;
    const app = await compile(
      WxCloudStorageModule.forRoot({ ...others, appid, secret, auth: undefined }),
      WxCloudStorageModule.forRoot({ ...others, auth: classic, appid: undefined, name: 'other' }),
    );
    expect(app.get(WxCloudStorageService)).toBeInstanceOf(WxCloudStorageService);
    await app.close();
  });

  it('rejects calls once the application is closed', async () => {
    const app = await compile(WxCloudStorageModule.forRoot(emulator.options));
    const storage = app.get(WxCloudStorageService);
    await app.close();
    await expect(storage.upload('a', 'x')).rejects.toMatchObject({
      code: 'WX_CLOUD_STORAGE_CLOSED',
    });
  });
});

describe('getWxCloudStorageOptionsToken', () => {
  const WRONG: WxCloudStorageOptions = { env: '', appid: '', secret: '' };
  const readsWrongOptions = jest.fn((): WxCloudStorageOptions => WRONG);

  @Injectable()
  class WrongConfig {
    create(): WxCloudStorageOptions {
      return readsWrongOptions();
    }
  }
  @Module({ providers: [WrongConfig], exports: [WrongConfig] })
  class WrongConfigModule {}

  it.each([
    ['forRoot', () => WxCloudStorageModule.forRoot(WRONG)],
    ['forRoot without options', () => WxCloudStorageModule.forRoot()],
    ['a factory', () => WxCloudStorageModule.forRootAsync({ useFactory: readsWrongOptions })],
    ['a class', () => WxCloudStorageModule.forRootAsync({ useClass: WrongConfig })],
    [
      'an existing provider',
      () =>
        WxCloudStorageModule.forRootAsync({
          imports: [WrongConfigModule],
          useExisting: WrongConfig,
        }),
    ],
  ])('overrides invalid options from %s, which are not read', async (_, makeModule) => {
    const app = await Test.createTestingModule({ imports: [makeModule()] })
      .overrideProvider(getWxCloudStorageOptionsToken())
      .useValue(emulator.options)
      .compile();
    const { fileId } = await app.get(WxCloudStorageService).upload('a.txt', 'x');
    await app.close();

    expect(fileId).toContain(emulator.env);
    expect(readsWrongOptions).not.toHaveBeenCalled();
  });

  class Misspelt {
    readonly env = 'e';
    readonly timeout = 5;
  }

  it.each<[string, (by: OverrideBy) => TestingModuleBuilder]>([
    ['a value', by => by.useValue({ env: 'e', timeout: 5 })],
    ['a factory', by => by.useFactory({ factory: async () => ({ env: 'e', timeout: 5 }) })],
    ['a class', by => by.useClass(Misspelt)],
  ])('has options checked that are given as %s', async (_, override) => {
    const builder = Test.createTestingModule({
      imports: [WxCloudStorageModule.forRoot(emulator.options)],
    });
    const overridden = override(builder.overrideProvider(getWxCloudStorageOptionsToken()));
    await expect(overridden.compile()).rejects.toMatchObject({ option: 'timeout' });
  });

  it('is different for every name', async () => {
    const app = await Test.createTestingModule({
      imports: [
        WxCloudStorageModule.forRoot(emulator.options),
        WxCloudStorageModule.forRoot({ ...WRONG, name: 'archive' }),
      ],
    })
      .overrideProvider(getWxCloudStorageOptionsToken('archive'))
      .useValue(archive.options)
      .compile();
    const current = await app.get(WxCloudStorageService).upload('a', 'x');
    const old = await app
      .get<WxCloudStorageService>(getWxCloudStorageToken('archive'))
      .upload('a', 'x');
    await app.close();

    expect(current.fileId).toContain(emulator.env);
    expect(old.fileId).toContain('archive-env');
    expect(getWxCloudStorageOptionsToken('default')).toBe(getWxCloudStorageOptionsToken());
  });

  it('provides options that show no secret', async () => {
    const app = await compile(WxCloudStorageModule.forRoot(emulator.options));
    const options: unknown = app.get(getWxCloudStorageOptionsToken());
    await app.close();
    const shown = inspect(options, { depth: Infinity, showHidden: true });
    expect(shown + JSON.stringify(options)).not.toContain(String(emulator.options.secret));
    expect(shown).toContain(emulator.env);
  });
});

describe('WxAccessTokenProvider', () => {
  it('fetches one token for fifty callers at once', async () => {
    await emulator.reset();
    const app = await compile(WxCloudStorageModule.forRoot(emulator.options));
    const provider = app.get(WxAccessTokenProvider);

    const tokens = await Promise.all(Array.from({ length: 50 }, () => provider.getAccessToken()));

    expect(new Set(tokens).size).toBe(1);
    expect(emulator.journal).toMatchObject([{ operation: 'stable-token' }]);
    await app.close();
  });

  it('fetches classic tokens with auth access-token', async () => {
    await emulator.reset();
    const { appid, secret, ...rest } = emulator.options;
    const app = await compile(
      WxCloudStorageModule.forRoot({ ...rest, auth: { type: 'access-token', appid, secret } }),
    );
    await app.get(WxCloudStorageService).upload('a', 'x');
    expect(emulator.journal[0]).toMatchObject({ operation: 'token' });
    await app.close();
  });

  it.each([3_600_000, -3_600_000])(
    'keeps its token when the system clock is changed by %d ms',
    async skewMs => {
      await emulator.reset();
      const app = await compile(WxCloudStorageModule.forRoot(emulator.options));
      const provider = app.get(WxAccessTokenProvider);
      const token = await provider.getAccessToken();
      const now = Date.now();
      const clock = jest.spyOn(Date, 'now').mockReturnValue(now + skewMs);

      expect(await provider.getAccessToken()).toBe(token);
      await app.get(WxCloudStorageService).upload('a', 'x');

      clock.mockRestore();
      expect(emulator.journal.filter(({ operation }) => operation === 'stable-token')).toHaveLength(
        1,
      );
      await app.close();
    },
  );

  it('lets the storage continue when tokens expire early', async () => {
    await emulator.reset();
    const app = await compile(WxCloudStorageModule.forRoot(emulator.options));
    const storage = app.get(WxCloudStorageService);
    await storage.upload('a', 'x');
    emulator.expireTokens();

    await Promise.all(Array.from({ length: 20 }, (_, index) => storage.upload(`b${index}`, 'x')));

    expect(emulator.journal.filter(({ operation }) => operation === 'stable-token')).toHaveLength(
      2,
    );
    await app.close();
  });
});
