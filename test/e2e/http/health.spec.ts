import { Controller, Get, Logger, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { describe, expect, it, jest } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulatorFault } from '../../../lib/emulator/index.js';
import { WxCloudStorageModule } from '../../../lib/index.js';
import { WxCloudHealthIndicator, type WxCloudHealthOptions } from '../../../lib/terminus/index.js';
import { ADAPTERS } from '../../support/adapters.js';
import { afterThisTest } from '../../support/after-test.js';
import {
  startApplication,
  type TestApplication,
  type TestApplicationParts,
} from '../../support/application.js';
import { recordSecrets } from '../../support/secret-recorder.js';
import { BUCKET } from '../../support/ways.js';

/** No machine is to be so busy that the time limit decides. */
const PATIENT = { timeoutMs: 60_000 } as const;
const UNCACHED = { ...PATIENT, cacheSeconds: 0 } as const;

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly storage: WxCloudHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.storage.isHealthy('storage', UNCACHED)]);
  }

  @Get('bucket')
  @HealthCheck()
  checkBucket() {
    const options = { bucket: true, ...UNCACHED };
    return this.health.check([() => this.storage.isHealthy('storage', options)]);
  }
}

interface HealthApplication extends TestApplication {
  /** The method of the indicator, with time enough. */
  readonly isHealthy: WxCloudHealthIndicator['isHealthy'];
  /** The operations that the cloud has received, in order. */
  operations(): string[];
}

/** Starts an application with health routes until the end of the test. */
async function start(parts: TestApplicationParts = {}): Promise<HealthApplication> {
  const application = await startApplication({
    controllers: [HealthController],
    imports: [TerminusModule.forRoot({ logger: false })],
    providers: [WxCloudHealthIndicator],
    ...parts,
  });
  afterThisTest(() => application.close());
  const indicator = application.app.get(WxCloudHealthIndicator, { strict: false });
  return {
    ...application,
    isHealthy: (key, options) => indicator.isHealthy(key, { ...PATIENT, ...options }),
    operations: () => application.emulator.journal.map(({ operation }) => operation),
  };
}

/** Sets the wall clock, which the indicator reads, to a time. */
function stopClock(): { nowMs: number } {
  const clock = { nowMs: Date.now() };
  const now = jest.spyOn(Date, 'now').mockImplementation(() => clock.nowMs);
  afterThisTest(() => now.mockRestore());
  return clock;
}

const LINKED: WxCloudHealthOptions = { bucket: true };

describe.each(ADAPTERS)('a health route on $name', adapter => {
  it('responds with 200 while a token can be had, and fetches one only', async () => {
    const { url, operations } = await start({ adapter });
    const responses = [await fetch(`${url}/health`), await fetch(`${url}/health`)];
    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    expect(await responses[1]?.json()).toMatchObject({
      status: 'ok',
      details: { storage: { status: 'up' } },
    });
    expect(operations()).toEqual(['stable-token']);
  });

  it('responds with 503, the code and the remedy, and with 200 once it works again', async () => {
    const { url, emulator } = await start({ adapter });
    const wrong = emulator.misconfigure('ip-not-whitelisted');
    const response = await fetch(`${url}/health`);
    expect(response.status).toBe(503);
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({
      status: 'error',
      error: {
        storage: {
          status: 'down',
          code: 'WX_CLOUD_CREDENTIAL_REFUSED',
          message: expect.stringMatching(
            /^\/cgi-bin\/stable_token: WeChat returned 40164\. Add this machine's public address to the IP whitelist in the WeChat console\. \(nestjs-/,
          ),
          errcode: 40164,
          upstreamStatus: 200,
          requestId: expect.any(String),
        },
      },
    });
    expect(body).not.toMatch(/invalid ip|not in whitelist|rid:/);
    wrong.remove();
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it('responds with 503 when the environment is unknown, if it checks that', async () => {
    const { url } = await start({ adapter, options: { env: 'another-env' } });
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const response = await fetch(`${url}/health/bucket`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ details: { storage: { errcode: -501005 } } });
  });
});

describe('isHealthy', () => {
  it('rejects a name that no instance has', async () => {
    const { isHealthy } = await start();
    await expect(isHealthy('a', { storage: 'archives' })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'storage',
      message: expect.stringContaining('"archives"'),
    });
  });

  it.each([
    ['cacheSeconds', -1],
    ['cacheSeconds', Number.NaN],
    ['cacheSeconds', '60'],
    ['timeoutMs', 0],
    ['timeoutMs', 1.5],
    ['timeoutMs', 2_147_483_648],
    ['bucket', 'false'],
    ['bucket', null],
    ['cacheMs', 5_000],
  ])('rejects the option %s with %p', async (option, value) => {
    const { isHealthy } = await start();
    const options = { [option]: value } as WxCloudHealthOptions;
    await expect(isHealthy('a', options)).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option,
    });
  });

  it('rejects options that are no object', async () => {
    const { app } = await start();
    const indicator = app.get(WxCloudHealthIndicator, { strict: false });
    await expect(indicator.isHealthy('a', null as never)).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'options',
    });
  });

  it('requests a link and stores nothing to check the environment', async () => {
    const { isHealthy, emulator, operations } = await start();
    expect(await isHealthy('a', LINKED)).toEqual({ a: { status: 'up' } });
    expect(operations()).toEqual(['stable-token', 'upload-link']);
    expect(emulator.objects).toEqual([]);
  });

  it('lists one file to check the bucket with the option cos', async () => {
    const { isHealthy, operations } = await start({
      options: emulator => BUCKET.options(emulator),
    });
    expect(await isHealthy('a', LINKED)).toEqual({ a: { status: 'up' } });
    expect(operations()).toEqual(['cos-keys', 'list-objects']);
  });

  it('checks the environment where the keys may not list, and lists no more', async () => {
    const { isHealthy, operations } = await start({
      emulator: { cos: { denied: ['list-objects'] } },
      options: emulator => BUCKET.options(emulator),
    });
    const options = { bucket: true, cacheSeconds: 0 };
    expect(await isHealthy('a', options)).toEqual({ a: { status: 'up' } });
    expect(await isHealthy('a', options)).toEqual({ a: { status: 'up' } });
    expect(operations()).toEqual(['cos-keys', 'list-objects', 'upload-link', 'upload-link']);
  });

  it('requests a link where there is no token', async () => {
    const { isHealthy, emulator, operations } = await start({
      options: started => ({ ...BUCKET.options(started), cos: undefined }),
    });
    expect(await isHealthy('a', { cacheSeconds: 0 })).toEqual({ a: { status: 'up' } });
    expect(operations()).toEqual(['upload-link']);
    emulator.misconfigure('path-refused');
    expect(await isHealthy('a', { cacheSeconds: 0 })).toMatchObject({
      a: { status: 'down', code: 'WX_CLOUD_CREDENTIAL_REFUSED', errcode: 85107 },
    });
  });

  it('shares one check among callers at the same time', async () => {
    const { isHealthy, operations } = await start();
    const options = { bucket: true, cacheSeconds: 0 };
    const keys = Array.from({ length: 50 }, (_, index) => `storage-${index}`);
    const results = await Promise.all(keys.map(key => isHealthy(key, options)));
    expect(results).toEqual(keys.map(key => ({ [key]: { status: 'up' } })));
    expect(operations()).toEqual(['stable-token', 'upload-link']);
  });

  it('uses a result again for 60 seconds, and not if the clock is set back', async () => {
    const clock = stopClock();
    const { isHealthy, operations } = await start();
    const countAfter = async (ms: number): Promise<number> => {
      clock.nowMs += ms;
      await isHealthy('a', LINKED);
      return operations().filter(name => name === 'upload-link').length;
    };
    expect(await countAfter(0)).toBe(1);
    expect(await countAfter(59_999)).toBe(1);
    expect(await countAfter(1)).toBe(2);
    expect(await countAfter(-1)).toBe(3);
  });

  it('uses a failure again for 10 seconds', async () => {
    const clock = stopClock();
    const { isHealthy, emulator } = await start();
    const failing = {
      operation: 'upload-link',
      effect: { kind: 'errcode', errcode: 40097 },
    } as const;
    emulator.faults.add(failing);
    const statusAfter = async (ms: number): Promise<string> => {
      clock.nowMs += ms;
      return (await isHealthy('a', { bucket: true, cacheSeconds: 3_600 })).a.status;
    };
    expect(await statusAfter(0)).toBe('down');
    expect(await statusAfter(9_999)).toBe('down');
    expect(await statusAfter(1)).toBe('up');
  });

  it.each<[WxCloudEmulatorFault['operation'], WxCloudHealthOptions, Partial<TestApplicationParts>]>(
    [
      ['stable-token', {}, { options: { timeouts: { tokenMs: 1_000 } } }],
      ['upload-link', LINKED, {}],
      ['list-objects', LINKED, { options: emulator => BUCKET.options(emulator) }],
    ],
  )('is down after its time limit when %s hangs', async (operation, options, parts) => {
    const { isHealthy, emulator } = await start(parts);
    emulator.faults.add({ operation, effect: { kind: 'hang', at: 'request' }, times: Infinity });
    expect(await isHealthy('a', { ...options, timeoutMs: 100 })).toEqual({
      a: {
        status: 'down',
        code: 'WX_CLOUD_REQUEST_TIMED_OUT',
        message: expect.stringMatching(/longer than 100 ms\..*raise timeoutMs of isHealthy\./),
      },
    });
  });

  it('says what to do about a bucket that does not exist, without the text of COS', async () => {
    const { isHealthy, emulator } = await start({ options: started => BUCKET.options(started) });
    const message = 'None (of that name). Really (none). Sorry';
    const effect = { kind: 'cos-error', cosCode: 'NoSuchBucket', status: 404, message } as const;
    emulator.faults.add({ operation: 'list-objects', effect });
    expect(await isHealthy('a', LINKED)).toMatchObject({
      a: {
        status: 'down',
        code: 'WX_CLOUD_API_FAILED',
        message: expect.stringMatching(
          /^GET bucket "[^"]*" failed: COS returned HTTP 404 NoSuchBucket\. Check cos\.bucket and cos\.region\. \(nestjs-/,
        ),
      },
    });
  });

  it.each<[string, WxCloudEmulatorFault['effect']]>([
    ['an errcode', { kind: 'errcode', errcode: 40125, errmsg: 'no {secret}' }],
    ['a status', { kind: 'status', status: 403, body: 'no {secret}' }],
    ['a reset', { kind: 'reset', at: 'request' }],
    ['malformed JSON', { kind: 'malformed-json' }],
    ['no body', { kind: 'empty' }],
  ])('shows no secret after %s', async (_, effect) => {
    const recorder = recordSecrets();
    afterThisTest(() => recorder.close());
    const { isHealthy, emulator } = await start({ options: { dispatcher: recorder.dispatcher } });
    const { secret } = emulator.options;
    const told = JSON.parse(JSON.stringify(effect).replace('{secret}', secret));
    await isHealthy('a');
    emulator.faults.add({ operation: 'upload-link', effect: told, times: Infinity });
    const text = JSON.stringify(await isHealthy('a', LINKED));
    expect(text).toContain('"status":"down"');
    expect(recorder.secrets.size).toBeGreaterThan(0);
    expect([secret, ...recorder.secrets, '?', '://'].filter(part => text.includes(part))).toEqual(
      [],
    );
  });

  it('logs the beginning of an outage with the text of WeChat, and its end', async () => {
    const { isHealthy, emulator } = await start();
    const lines: string[] = [];
    const note = (line: unknown): void => void lines.push(String(line));
    Logger.overrideLogger({ log: note, warn: note, error: note });
    afterThisTest(() => Logger.overrideLogger(false));
    const effect = { kind: 'errcode', errcode: 48001, errmsg: 'not today' } as const;
    emulator.faults.add({ operation: 'upload-link', effect, times: 2 });
    const options = { bucket: true, cacheSeconds: 0 };
    await isHealthy('a', options);
    await isHealthy('a', options);
    await isHealthy('a', options);
    await isHealthy('a', options);
    expect(lines).toEqual([
      expect.stringMatching(
        /^Health check: down, WX_CLOUD_CREDENTIAL_REFUSED: .*48001 \(not today/,
      ),
      'Health check: up again.',
    ]);
  });

  it('finds instances by name that its module does not import', async () => {
    const archive = await startWxCloudEmulator({ env: 'archive-env' });
    afterThisTest(() => archive.close());
    @Module({ imports: [WxCloudStorageModule.forRoot({ ...archive.options, name: 'archive' })] })
    class ArchiveModule {}
    @Module({ imports: [TerminusModule], providers: [WxCloudHealthIndicator] })
    class HealthModule {}
    const { isHealthy } = await start({
      controllers: [],
      providers: [],
      imports: [ArchiveModule, HealthModule],
      options: { env: 'another-env' },
    });
    expect(await isHealthy('a', LINKED)).toMatchObject({ a: { status: 'down' } });
    expect(await isHealthy('a', { ...LINKED, storage: 'archive' })).toEqual({
      a: { status: 'up' },
    });
  });
});
