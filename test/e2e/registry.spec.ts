import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import * as fc from 'fast-check';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import {
  WxCloudStorageModule,
  WxCloudStorageRegistry,
  WxCloudStorageService,
  type WxCloudStorageOptions,
} from '../../lib/index.js';
import { afterThisTest } from '../support/after-test.js';
import { until } from '../support/until.js';

const CLOSED = { code: 'WX_CLOUD_STORAGE_CLOSED' };
const NOT_FOUND = { code: 'WX_CLOUD_INSTANCE_NOT_FOUND' };

let emulator: WxCloudEmulator;
let options: WxCloudStorageOptions;
let app: TestingModule;
let registry: WxCloudStorageRegistry;

beforeEach(async () => {
  emulator = await startWxCloudEmulator();
  options = { ...emulator.options, retry: { attempts: 1 } };
  @Module({
    imports: [WxCloudStorageModule.forRoot({ ...options, name: 'archive' })],
    exports: [WxCloudStorageModule],
  })
  class ArchiveModule {}
  app = await Test.createTestingModule({
    imports: [WxCloudStorageModule.forRoot(options), ArchiveModule],
  }).compile();
  await app.init();
  registry = app.get(WxCloudStorageRegistry, { strict: false });
});
afterEach(async () => {
  await app.close();
  await emulator.close();
});

/** An upload whose body ends when the test says so. */
function startUpload(storage: WxCloudStorageService) {
  const body = new PassThrough();
  body.write('the beginning, ');
  const stored = storage.upload('slow.txt', body);
  return {
    stored,
    finish: () => body.end('the end'),
    readBack: async () => String(await emulator.readObject('slow.txt')),
  };
}

const expectClosed: unknown = expect.objectContaining(CLOSED);

/** The timers that were started for about a minute. */
const timersOf = ({ mock }: jest.SpiedFunction<typeof setTimeout>): NodeJS.Timeout[] =>
  mock.results
    .filter((_, index) => Math.ceil(Number(mock.calls[index]?.[1]) / 1_000) === 60)
    .map(({ value }) => value as NodeJS.Timeout);

const isOpen = (name: string): boolean => {
  try {
    registry.get(name);
    return true;
  } catch {
    return false;
  }
};

describe('WxCloudStorageRegistry', () => {
  it('is one for all modules of an application', () => {
    const found = app.get(WxCloudStorageRegistry, { strict: false, each: true });
    expect(found).toHaveLength(2);
    expect(new Set(found).size).toBe(1);
  });
});

describe('WxCloudStorageRegistry: an inspection', () => {
  it('shows no secret', async () => {
    await registry.open('tenant-7', options);
    const shown = inspect(registry, { depth: Infinity, showHidden: true, customInspect: false });
    expect(shown).not.toContain(emulator.options.secret);
  });
});

describe('WxCloudStorageRegistry.get', () => {
  it('finds instances of the module and opened ones', async () => {
    const opened = await registry.open('tenant-7', options);
    expect(registry.get('default')).toBe(app.get(WxCloudStorageService));
    expect(registry.get('archive')).not.toBe(registry.get('default'));
    expect(registry.get('tenant-7')).toBe(opened);
  });

  it.each([['tenant-8'], ['Default'], [''], ['__proto__']])('finds no %j', name => {
    expect(() => registry.get(name)).toThrow(expect.objectContaining(NOT_FOUND));
  });

  it('finds nothing, least the default instance, without a name', () => {
    expect(() => registry.get(undefined as unknown as string)).toThrow(
      expect.objectContaining(NOT_FOUND),
    );
  });

  it('shows no control character of a name', () => {
    expect(() => registry.get('a\nb\u202e')).toThrow(/no instance "ab" in/);
  });
});

describe('WxCloudStorageRegistry.open', () => {
  it('opens an instance that works, without a call', async () => {
    const storage = await registry.open('tenant-7', options);
    expect(emulator.journal).toEqual([]);
    const { fileId } = await storage.upload('a.txt', 'hello');
    expect(String(await storage.downloadBuffer(fileId))).toBe('hello');
  });

  it('names the AppID of each tenant of an environment that several share', async () => {
    const cloud = await startWxCloudEmulator({ reuseAppids: ['wx1111111111111111'] });
    afterThisTest(() => cloud.close());
    const { env, sidecarUrl: apiBaseUrl } = cloud;
    const openFor = (fromAppid: string): Promise<WxCloudStorageService> =>
      registry.open(fromAppid, { env, apiBaseUrl, auth: { type: 'open-api-service', fromAppid } });
    const known = await openFor('wx1111111111111111');
    const stranger = await openFor('wx2222222222222222');
    const uploads = [known.upload('a.txt', 'x'), stranger.upload('b.txt', 'x')];
    const [stored, refused] = await Promise.allSettled(uploads);
    expect(stored?.status).toBe('fulfilled');
    expect(refused).toMatchObject({ reason: { code: 'WX_CLOUD_CREDENTIAL_REFUSED' } });
    expect(cloud.objects.map(({ cloudPath }) => cloudPath)).toEqual(['a.txt']);
  });

  it('returns the open instance for the same options', async () => {
    const [one, other] = await Promise.all([
      registry.open('tenant-7', options),
      registry.open('tenant-7', { ...options }),
    ]);
    expect(other).toBe(one);
    expect(await registry.open('tenant-7', options, { idleSeconds: 900 })).toBe(one);
    expect(await registry.open('tenant-7', { ...options, maxConnections: 64 })).toBe(one);
  });

  it.each<[string, object, object]>([
    ['auth.secret', { secret: 'another-secret' }, {}],
    ['env', { env: 'prod-another' }, {}],
    ['settings.idleSeconds', {}, { idleSeconds: 1 }],
  ])('rejects another %s for an open instance', async (option, other, settings) => {
    await registry.open('tenant-7', options);
    const given = { ...options, ...other } as WxCloudStorageOptions;
    const opening = registry.open('tenant-7', given, settings);
    await expect(opening).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option,
      message: expect.stringContaining('"tenant-7" must be the same as when it was opened'),
    });
    await expect(opening).rejects.not.toThrow('another-secret');
  });

  it('checks options as forRoot does', async () => {
    const wrong = { ...options, timeouts: { totalMs: 0 } };
    const known: unknown = await Test.createTestingModule({
      imports: [WxCloudStorageModule.forRoot(wrong)],
    })
      .compile()
      .catch((error: unknown) => error);
    const opening = registry.open('tenant-7', wrong);
    await expect(opening).rejects.toMatchObject({ option: 'timeouts.totalMs' });
    const message = (known as Error).message.replace(
      'WxCloudStorageModule: option "timeouts.totalMs"',
      'WxCloudStorageRegistry: option "timeouts.totalMs" of the instance "tenant-7"',
    );
    await expect(opening).rejects.toThrow(message);
    expect(isOpen('tenant-7')).toBe(false);
  });

  it('says to create a function once', async () => {
    const withFunction = (): WxCloudStorageOptions => ({
      ...options,
      onOrphan: () => {},
    });
    await registry.open('tenant-7', withFunction());
    await expect(registry.open('tenant-7', withFunction())).rejects.toMatchObject({
      option: 'onOrphan',
      message: expect.stringContaining('Create it once, outside of the request'),
    });
  });

  it.each<[unknown]>([[''], ['a b'], ['a\n'], ['x'.repeat(129)], [7], [undefined], ['a"b']])(
    'rejects the name %j',
    async name => {
      const opening = registry.open(name as string, options);
      await expect(opening).rejects.toMatchObject({ option: 'name' });
    },
  );

  it.each(['default', 'archive'])('rejects %s, which the module has', async name => {
    await expect(registry.open(name, options)).rejects.toMatchObject({
      option: 'name',
      message: expect.stringContaining('Use get()'),
    });
  });

  it.each([
    { idleSeconds: 0 },
    { idleSeconds: 0.5 },
    { idleSeconds: 2_147_484 },
    { idle: 1 },
    { replace: 1 },
    7,
  ])('rejects the settings %j', async settings => {
    const opening = registry.open('tenant-7', options, settings as object);
    await expect(opening).rejects.toMatchObject({ code: 'WX_CLOUD_OPTIONS_INVALID' });
  });
});

/** Time between two acts of one caller. */
const PAUSES = {
  open: async () => {},
  close: async () => {},
  call: async () => {},
  wait: () => new Promise(resolve => setTimeout(resolve, 1)),
};

describe('WxCloudStorageRegistry.open and close in any order', () => {
  const step = fc.record({
    act: fc.constantFrom('open', 'call', 'close', 'wait'),
    name: fc.constantFrom('one', 'two'),
  });

  it('never fail but for calls on what is closed, and leave the last state', async () => {
    const acts = {
      open: (name: string) => registry.open(name, options),
      close: (name: string) => registry.close(name),
      call: async (name: string) => (await registry.open(name, options)).upload(`${name}.txt`, 'x'),
      wait: async () => {},
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
        const running: Promise<unknown>[] = [];
        for (const { act, name } of steps) {
          running.push(acts[act](name));
          await PAUSES[act]();
        }
        const failures = (await Promise.allSettled(running)).filter(
          ({ status }) => status === 'rejected',
        );
        expect(failures).toEqual(
          failures.map(() => ({ status: 'rejected', reason: expectClosed })),
        );
        const [one] = await Promise.all([registry.open('one', options), registry.close('two')]);
        expect(registry.get('one')).toBe(one);
        expect(isOpen('two')).toBe(false);
        await expect(one.upload('one.txt', 'x')).resolves.toBeDefined();
      }),
      { numRuns: 30 },
    );
  });
});

describe('WxCloudStorageRegistry.close', () => {
  it('waits for running operations, and finds the instance no more', async () => {
    const upload = startUpload(await registry.open('tenant-7', options));
    let isClosed = false;
    const closing = registry.close('tenant-7').then(() => (isClosed = true));
    expect(isOpen('tenant-7')).toBe(false);
    const reopening = registry.open('tenant-7', options);
    await new Promise(resolve => setImmediate(resolve));
    expect(isClosed).toBe(false);
    upload.finish();
    await expect(upload.stored).resolves.toMatchObject({ cloudPath: 'slow.txt' });
    await closing;
    expect(await upload.readBack()).toBe('the beginning, the end');
    expect(registry.get('tenant-7')).toBe(await reopening);
  });

  it('makes calls reject that say what to do, also after the name is open again', async () => {
    const closed = await registry.open('tenant-7', options);
    await registry.close('tenant-7');
    const again = await registry.open('tenant-7', { ...options, bucket: emulator.bucket });
    expect(again).not.toBe(closed);
    const calls = [closed.upload('a.txt', 'x'), closed.exists(`cloud://x.${emulator.bucket}/a`)];
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({
        ...CLOSED,
        message: expect.stringContaining('"tenant-7" was closed'),
      });
    }
    await expect(again.upload('a.txt', 'x')).resolves.toMatchObject({ cloudPath: 'a.txt' });
  });

  it('forgets no confirmed file, which a ticket must not delete later', async () => {
    const storage = await registry.open('tenant-7', options);
    const { url, fields, fileId, ticket } = await storage.createUploadForm('a.txt');
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob(['content']));
    await fetch(url, { method: 'POST', body: form });
    await storage.confirmUpload(fileId, { ticket, maxBytes: 7 });
    await registry.close('tenant-7');
    const again = await registry.open('tenant-7', options);
    await expect(again.confirmUpload(fileId, { ticket, maxBytes: 1 })).rejects.toMatchObject({
      code: 'WX_CLOUD_FILE_TOO_LARGE',
    });
    expect(emulator.objects).toMatchObject([{ fileId }]);
  });

  it('is done once by any number of callers, and does nothing without an instance', async () => {
    await registry.open('tenant-7', options);
    await Promise.all([registry.close('tenant-7'), registry.close('tenant-7')]);
    await expect(registry.close('tenant-7')).resolves.toBeUndefined();
  });

  it.each(['default', 'archive'])('refuses %s, which the module has', async name => {
    await expect(registry.close(name)).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
    await expect(registry.get(name).upload('a.txt', 'x')).resolves.toBeDefined();
  });
});

describe('settings.replace', () => {
  const REFUSED = { code: 'WX_CLOUD_OPTIONS_INVALID' };
  const REPLACE = { replace: true };
  /** As after a change of the secret. */
  const renewed = (totalMs = 60_000): WxCloudStorageOptions => ({
    ...options,
    timeouts: { totalMs },
  });
  const open = (name: string, given: WxCloudStorageOptions, settings = {}) =>
    registry.open(name, given, settings);

  it('keeps the name for the new options from the call on', async () => {
    const former = await open('tenant-7', options);
    const upload = startUpload(former);
    const closing = registry.close('tenant-7');
    const waiting = open('tenant-7', options);
    const opening = open('tenant-7', renewed(), REPLACE);
    const late = open('tenant-7', options);
    const same = open('tenant-7', renewed());
    await expect(late).rejects.toMatchObject({ ...REFUSED, option: 'timeouts.totalMs' });
    upload.finish();
    await expect(upload.stored).resolves.toBeDefined();
    await closing;
    await expect(waiting).rejects.toMatchObject(REFUSED);
    const service = await opening;
    expect(await same).toBe(service);
    expect(registry.get('tenant-7')).toBe(service);
    await expect(former.upload('a.txt', 'x')).rejects.toMatchObject(CLOSED);
    await expect(open('tenant-7', options)).rejects.toMatchObject({
      ...REFUSED,
      message: expect.stringContaining('{ replace: true }'),
    });
  });

  it('closes an instance that is open, whose operations end', async () => {
    const upload = startUpload(await open('tenant-7', options));
    const opening = open('tenant-7', renewed(), REPLACE);
    expect(isOpen('tenant-7')).toBe(false);
    const closing: unknown = expect.objectContaining({ ...CLOSED, retryable: true });
    expect(() => registry.get('tenant-7')).toThrow(closing as Error);
    upload.finish();
    await expect(upload.stored).resolves.toBeDefined();
    await expect((await opening).upload('a.txt', 'x')).resolves.toBeDefined();
  });

  it('keeps an instance with the same options, and opens one where there is none', async () => {
    const service = await open('tenant-7', options, REPLACE);
    expect(await open('tenant-7', options, REPLACE)).toBe(service);
    expect(await open('tenant-7', options, { idleSeconds: 60, ...REPLACE })).not.toBe(service);
  });

  it('serves the last of several', async () => {
    await open('tenant-7', options);
    const [first, last] = [renewed(1_000), renewed(2_000)].map(each =>
      open('tenant-7', each, REPLACE),
    );
    await expect(first).rejects.toMatchObject(REFUSED);
    expect(registry.get('tenant-7')).toBe(await last);
    await registry.close('tenant-7');
    // The name is free again.
    await expect(open('tenant-7', options)).resolves.toBeDefined();
  });

  it('replaces no instance of the module', async () => {
    const opening = open('archive', renewed(), REPLACE);
    await expect(opening).rejects.toMatchObject({ ...REFUSED, option: 'name' });
    await expect(registry.get('archive').upload('a.txt', 'x')).resolves.toBeDefined();
  });
});

describe('settings.idleSeconds', () => {
  it('keeps no process alive', async () => {
    const timers = jest.spyOn(globalThis, 'setTimeout');
    afterThisTest(() => timers.mockRestore());
    await registry.open('tenant-7', options, { idleSeconds: 60 });
    expect(timersOf(timers).map(timer => timer.hasRef())).toEqual([false]);
  });

  it('closes an instance that is not used, and none with an open download', async () => {
    const log = jest.spyOn(Logger.prototype, 'debug').mockImplementation(() => {});
    afterThisTest(() => log.mockRestore());
    // `get` would count as a use.
    const whenClosed = (name: string): Promise<void> =>
      until(() => log.mock.calls.some(([line]) => line === `instance=${name}: Closed.`));
    const open = (name: string): Promise<WxCloudStorageService> =>
      registry.open(name, options, { idleSeconds: 1 });
    const [busy, idle] = [await open('busy'), await open('idle')];
    const { fileId } = await busy.upload('large.bin', Buffer.alloc(4_194_304));
    const { body } = await busy.download(fileId);
    // Begins to be idle after the download has begun.
    await open('later');
    await Promise.all([whenClosed('idle'), whenClosed('later')]);
    await expect(idle.exists(fileId)).rejects.toMatchObject(CLOSED);
    expect(isOpen('busy')).toBe(true);
    body.destroy();
    await whenClosed('busy');
  });
});

describe('the shutdown', () => {
  it('closes opened instances after their operations, and opens no others', async () => {
    const storage = await registry.open('tenant-7', options);
    const upload = startUpload(storage);
    const closing = app.close();
    await new Promise(resolve => setImmediate(resolve));
    await expect(registry.open('tenant-8', options)).rejects.toMatchObject(CLOSED);
    upload.finish();
    await expect(upload.stored).resolves.toBeDefined();
    await closing;
    expect(await upload.readBack()).toBe('the beginning, the end');
    await expect(storage.upload('b.txt', 'x')).rejects.toMatchObject({
      ...CLOSED,
      message: expect.stringContaining('shutting down'),
    });
    expect(isOpen('tenant-7')).toBe(false);
    await until(async () => (await emulator.openConnections()) === 0);
  });
});
