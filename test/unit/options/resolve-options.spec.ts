import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeOptions, readEnvironment } from '../../../lib/options/module-options.js';
import type { WxCloudAuth, WxCloudStorageOptions } from '../../../lib/options/options.js';
import { SYSTEM_DISK } from '../../../lib/options/disk.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import {
  type ResolvedAuth,
  type ResolvedTokenCallAuth,
  Secret,
} from '../../../lib/options/resolved-options.js';
import { everythingShownBy, thrownBy } from '../support/failures.js';

/** Part of every wrong value, to be found again if an error showed it. */
const MARK = 'Rec0gn1sable-Va1ue';

const given = { env: 'prod-8gtest', appid: 'wx0123456789abcdef', secret: `secret-${MARK}` };

function resolve(options: object): ReturnType<typeof resolveOptions> {
  return resolveOptions({ ...given, ...options } as WxCloudStorageOptions, {
    ...SYSTEM_DISK,
    freeBytesIn: () => Infinity,
  });
}

function failure(options: object): Error {
  return thrownBy(() => resolve(options));
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'resolve-options-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const defaults = {
  apiBaseUrl: 'https://api.weixin.qq.com',
  isFromEnvironment: false,
  bucket: undefined,
  cos: undefined,
  timeouts: {
    connectMs: 10_000,
    headersMs: 30_000,
    idleMs: 30_000,
    totalMs: 900_000,
    tokenMs: 20_000,
  },
  retry: { attempts: 3, minDelayMs: 200, maxDelayMs: 5_000 },
  upload: {
    memoryLimitBytes: 1_048_576,
    memoryBudgetBytes: 67_108_864,
    diskBudgetBytes: 8_589_934_592,
    spoolDirectory: tmpdir(),
    verifyEtag: false,
    sendAhead: true,
  },
  links: { cache: true, maxAgeSeconds: 7_200, batchWindowMs: 0 },
  maxConnections: 256,
  onOrphan: undefined,
  ticketKey: undefined,
  replicas: undefined,
  dispatcher: undefined,
};

const secretOf = (auth: ResolvedAuth): Secret => (auth as ResolvedTokenCallAuth).secret;

const APPID = 'wx0123456789abcdef';
const SECRET = '0123456789abcdef0123456789abcdef';

describe('resolveOptions: AppID and AppSecret', () => {
  it.each([
    ['swapped', { appid: SECRET, secret: APPID }, 'appid'],
    ['swapped, in capitals', { appid: SECRET.toUpperCase(), secret: APPID }, 'appid'],
    ['twice the AppSecret', { appid: SECRET, secret: SECRET }, 'appid'],
    ['twice the AppID', { appid: APPID, secret: APPID }, 'secret'],
  ])('are rejected when they are %s, without their values', (_, pair, option) => {
    const auth = { type: 'access-token', ...pair };
    const withAuth = { appid: undefined, secret: undefined, auth };
    for (const [error, name] of [
      [failure(pair), option],
      [failure(withAuth), `auth.${option}`],
    ] as const) {
      expect(error).toMatchObject({
        option: name,
        message: expect.stringContaining('seem to be swapped'),
      });
      expect(everythingShownBy(error)).not.toMatch(/0123456789abcdef/i);
    }
  });

  it.each([
    ['AppID', APPID],
    ['AppSecret', SECRET],
    ['AppSecret', SECRET.toUpperCase()],
  ])('are rejected as env, which the log shows: %s', (what, env) => {
    const error = failure({ env });
    expect(error).toMatchObject({
      option: 'env',
      message: expect.stringContaining(`looks like an ${what}`),
    });
    expect(everythingShownBy(error)).not.toMatch(/0123456789abcdef/i);
  });

  it.each([
    { appid: APPID, secret: SECRET },
    { appid: 'wx-app', secret: 'wx-secret' },
    { appid: SECRET.slice(1), secret: `${APPID}0` },
  ])('are accepted when their form is plausible: %j', pair => {
    expect(resolve(pair).auth).toMatchObject({ appid: pair.appid });
  });
});

describe('describeOptions', () => {
  const fromEnvironment = readEnvironment(
    { WX_ENV_ID: 'e', WX_APPID: APPID, WX_SECRET: SECRET },
    () => false,
  );
  const sidecar = { type: 'open-api-service', fromAppid: APPID } as const;

  it.each<[WxCloudStorageOptions, string | undefined, string]>([
    [given, undefined, 'env=prod-8gtest auth=stable-token api=api.weixin.qq.com'],
    [
      { ...given, apiBaseUrl: 'http://127.0.0.1:4100/a-path' },
      undefined,
      'env=prod-8gtest auth=stable-token api=127.0.0.1:4100',
    ],
    [
      { env: 'e', auth: sidecar },
      'archive',
      'env=e auth=open-api-service api=api.weixin.qq.com instance=archive',
    ],
    [
      fromEnvironment,
      undefined,
      'env=e auth=stable-token api=api.weixin.qq.com source=environment',
    ],
    [{ ...fromEnvironment }, undefined, 'env=e auth=stable-token api=api.weixin.qq.com'],
  ])('describes the options in one line without secrets', (options, name, line) => {
    expect(describeOptions(resolveOptions(options), name)).toBe(line);
  });
});

describe('resolveOptions: defaults', () => {
  it('complete the shortest options', () => {
    const { env, auth, ...rest } = resolve({});
    expect({ env, auth }).toEqual({
      env: given.env,
      auth: {
        type: 'stable-token',
        appid: given.appid,
        secret: expect.any(Secret),
        store: undefined,
      },
    });
    expect(secretOf(auth).reveal()).toBe(given.secret);
    expect(rest).toEqual(defaults);
  });

  it.each([
    ['empty groups', { timeouts: {}, retry: {}, upload: {}, links: {} }],
    [
      'undefined groups',
      {
        auth: undefined,
        apiBaseUrl: undefined,
        bucket: undefined,
        timeouts: undefined,
        retry: undefined,
        upload: undefined,
        links: undefined,
        onOrphan: undefined,
        dispatcher: undefined,
      },
    ],
    [
      'undefined members',
      {
        timeouts: {
          connectMs: undefined,
          headersMs: undefined,
          idleMs: undefined,
          totalMs: undefined,
        },
        retry: { attempts: undefined, minDelayMs: undefined, maxDelayMs: undefined },
        upload: {
          memoryLimitBytes: undefined,
          memoryBudgetBytes: undefined,
          diskBudgetBytes: undefined,
          spoolDirectory: undefined,
          verifyEtag: undefined,
        },
        links: { cache: undefined, maxAgeSeconds: undefined, batchWindowMs: undefined },
      },
    ],
  ])('replace %s', (_, options) => {
    const { env, auth, ...rest } = resolve(options);
    expect([env, auth.type]).toEqual([given.env, 'stable-token']);
    expect(rest).toEqual(defaults);
  });

  it.each([
    ['half of what is free', 1_000_001, 500_000],
    ['8 GiB of a large disk', 17_179_869_186, 8_589_934_592],
    ['nothing of a full disk', 0, 0],
    ['8 GiB where the system does not say', undefined, 8_589_934_592],
  ])('limit temporary files to %s', (_, freeBytes, expected) => {
    const asked: string[] = [];
    const { upload } = resolveOptions(
      { ...given, upload: { spoolDirectory: folder } },
      {
        ...SYSTEM_DISK,
        freeBytesIn: path => {
          asked.push(path);
          return freeBytes;
        },
      },
    );
    expect([upload.diskBudgetBytes, asked]).toEqual([expected, [folder]]);
  });

  it("use the free space of the folder's disk", () => {
    const { diskBudgetBytes } = resolveOptions(given).upload;
    const { bavail, bsize } = statfsSync(tmpdir());
    // Others write to the disk meanwhile.
    const nearHalf = (bavail * bsize) / 2 + 1_073_741_824;
    expect(diskBudgetBytes).toBeLessThanOrEqual(Math.min(8_589_934_592, nearHalf));
  });

  it('raise the longest wait to a larger shortest wait', () => {
    expect(resolve({ retry: { minDelayMs: 60_000 } }).retry.maxDelayMs).toBe(60_000);
  });
});

describe('resolveOptions: given options', () => {
  it('are accepted at both ends of their ranges', () => {
    const low = {
      timeouts: { connectMs: 1, headersMs: 1, idleMs: 1, totalMs: 1, tokenMs: 1 },
      retry: { attempts: 1, minDelayMs: 0, maxDelayMs: 0 },
      upload: {
        memoryLimitBytes: 0,
        memoryBudgetBytes: 0,
        diskBudgetBytes: 0,
        spoolDirectory: folder,
        verifyEtag: true,
      },
      links: { cache: false, maxAgeSeconds: 1, batchWindowMs: 0 },
      maxConnections: 1,
    };
    expect(resolve(low)).toMatchObject(low);
    const timer = 2_147_483_647;
    const high = {
      timeouts: {
        connectMs: timer,
        headersMs: timer,
        idleMs: timer,
        totalMs: timer,
        tokenMs: timer,
      },
      retry: { attempts: 10, minDelayMs: 60_000, maxDelayMs: 600_000 },
      upload: { memoryLimitBytes: Number.MAX_SAFE_INTEGER },
      links: { maxAgeSeconds: 86_400 },
      maxConnections: 65_535,
    };
    expect(resolve(high)).toMatchObject(high);
  });

  it.each([
    ['https://gateway.example', 'https://gateway.example'],
    ['https://gateway.example/', 'https://gateway.example'],
    ['https://gateway.example/wx//', 'https://gateway.example/wx'],
    ['https://gateway.example:8443/wx', 'https://gateway.example:8443/wx'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://LOCALHOST:3000/', 'http://localhost:3000'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['http://127.1.2.3', 'http://127.1.2.3'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://gateway.example/?', 'https://gateway.example'],
    ['https://gateway.example/#', 'https://gateway.example'],
  ])('normalise the base address %s to %s', (apiBaseUrl, expected) => {
    expect(resolve({ apiBaseUrl }).apiBaseUrl).toBe(expected);
  });

  it.each(['stable-token', 'access-token'])('accept auth of the type %s', type => {
    const { env, appid, secret } = given;
    const auth = { type, appid, secret } as WxCloudAuth;
    expect(resolveOptions({ env, auth }).auth).toMatchObject({ type, appid });
    expect(resolve({ auth, appid: undefined, secret: undefined }).auth.type).toBe(type);
  });

  it('keep onOrphan and the dispatcher unchanged', () => {
    const onOrphan = (): void => {};
    const dispatcher = { dispatch: () => true };
    const resolved = resolve({ onOrphan, dispatcher });
    expect(resolved.onOrphan).toBe(onOrphan);
    expect(resolved.dispatcher).toBe(dispatcher);
  });
});

const stableToken = { type: 'stable-token', appid: given.appid, secret: given.secret };
const withAuth = (part: object): object => ({
  appid: undefined,
  secret: undefined,
  auth: { ...stableToken, ...part },
});
const withoutSecret = (auth: object): object => ({ appid: undefined, secret: undefined, auth });
const OPEN_API = withoutSecret({ type: 'open-api-service' });
const wrongNumbers = (option: string, build: (value: unknown) => object): [string, object][] =>
  [0.5, -1, NaN, Infinity, MARK, '5', {}, [MARK], true].map(value => [option, build(value)]);

describe('resolveOptions: invalid options', () => {
  it.each<[string, object]>([
    ['env', { env: undefined }],
    ['env', { env: null }],
    ['env', { env: '' }],
    ['env', { env: ' ' }],
    ['env', { env: `${MARK} b` }],
    ['env', { env: `${MARK}\u0000` }],
    ['env', { env: `cloud://${MARK}` }],
    ['env', { env: `${MARK}.bucket` }],
    ['env', { env: 7 }],
    ['env', { env: [MARK] }],
    ['appid', { appid: undefined }],
    ['appid', { appid: '' }],
    ['appid', { appid: `${MARK}\n` }],
    ['appid', { appid: { MARK } }],
    ['secret', { secret: undefined }],
    ['secret', { secret: '' }],
    ['secret', { secret: `${MARK} ` }],
    ['secret', { secret: [MARK] }],
    ['secret', { secret: 12345678 }],
    ['auth', { auth: stableToken }],
    ['auth', { auth: stableToken, appid: undefined }],
    ['auth', { auth: stableToken, secret: undefined }],
    ['auth', { appid: undefined, secret: undefined, auth: null }],
    ['auth', { appid: undefined, secret: undefined, auth: MARK }],
    ['auth', { appid: undefined, secret: undefined, auth: [MARK] }],
    ['auth.type', withAuth({ type: undefined })],
    ['auth.type', withAuth({ type: MARK })],
    ['auth.type', withAuth({ type: null })],
    ['auth.appid', withAuth({ appid: undefined })],
    ['auth.appid', withAuth({ appid: `${MARK}\t` })],
    ['auth.secret', withAuth({ secret: undefined })],
    ['auth.secret', withAuth({ secret: `${MARK} b` })],
    ['auth.fromAppid', withoutSecret({ type: 'open-api-service', fromAppid: `${MARK} b` })],
    ['auth.fromAppid', withoutSecret({ type: 'open-api-service', fromAppid: '' })],
    ['auth.secret', withoutSecret({ type: 'open-api-service', secret: MARK })],
    ['auth.file', withoutSecret({ type: 'cloudbase-token', file: 7 })],
    ['auth.file', withoutSecret({ type: 'cloudbase-token', file: '' })],
    ['auth.appid', withoutSecret({ type: 'cloudbase-token', appid: MARK })],
    ['auth.getToken', withoutSecret({ type: 'custom' })],
    ['auth.getToken', withoutSecret({ type: 'custom', getToken: MARK })],
    ['auth.appid', withoutSecret({ type: 'custom', getToken: () => MARK, appid: 7 })],
    ['auth.appid', withoutSecret({ type: 'custom', getToken: () => MARK, appid: `${MARK} ` })],
    ['auth.appid', withoutSecret({ type: 'custom', getToken: () => MARK, appid: SECRET })],
    ['auth.fromAppid', withoutSecret({ type: 'open-api-service', fromAppid: SECRET })],
    ['auth.fromAppid', withAuth({ fromAppid: MARK })],
    ['auth.store', withAuth({ store: MARK })],
    ['auth.store', withAuth({ store: null })],
    ['auth.store', withAuth({ store: { get: () => {}, set: () => {} } })],
    ['apiBaseUrl', { ...OPEN_API, apiBaseUrl: `https://${MARK}.example` }],
    ['apiBaseUrl', { ...OPEN_API, apiBaseUrl: `ftp://${MARK}.example` }],
    ['apiBaseUrl', { ...OPEN_API, apiBaseUrl: `http://user:${MARK}@gateway.example` }],
    [
      'apiBaseUrl',
      { ...withoutSecret({ type: 'cloudbase-token' }), apiBaseUrl: 'http://a.example' },
    ],
    ['apiBaseUrl', { apiBaseUrl: null }],
    ['apiBaseUrl', { apiBaseUrl: '' }],
    ['apiBaseUrl', { apiBaseUrl: MARK }],
    ['apiBaseUrl', { apiBaseUrl: `http://[${MARK}` }],
    ['apiBaseUrl', { apiBaseUrl: new URL(`https://${MARK}.example`) }],
    ['apiBaseUrl', { apiBaseUrl: `ftp://${MARK}.example` }],
    ['apiBaseUrl', { apiBaseUrl: `file:///${MARK}` }],
    ['apiBaseUrl', { apiBaseUrl: `https://user:${MARK}@gateway.example` }],
    ['apiBaseUrl', { apiBaseUrl: `https://gateway.example/?token=${MARK}` }],
    ['apiBaseUrl', { apiBaseUrl: `https://gateway.example/#${MARK}` }],
    ['apiBaseUrl', { apiBaseUrl: `http://${MARK}.example` }],
    ['apiBaseUrl', { apiBaseUrl: 'http://api.weixin.qq.com' }],
    ['apiBaseUrl', { apiBaseUrl: 'http://127.0.0.1.example' }],
    ['apiBaseUrl', { apiBaseUrl: 'http://localhost.example' }],
    ['apiBaseUrl', { apiBaseUrl: 'http://128.0.0.1' }],
    ['apiBaseUrl', { apiBaseUrl: 'http://0.0.0.0' }],
    ['apiBaseUrl', { apiBaseUrl: 'http://[::2]' }],
    ['bucket', { bucket: null }],
    ['bucket', { bucket: '' }],
    ['bucket', { bucket: `${MARK} b` }],
    ['bucket', { bucket: `https://${MARK}` }],
    ['bucket', { bucket: `${MARK}/b` }],
    ['bucket', { bucket: 7 }],
    ['cos', { cos: MARK }],
    ['cos.bucket', { cos: {} }],
    ['cos.bucket', { cos: { bucket: `${MARK}.cos.ap-shanghai.myqcloud.com` } }],
    ['cos.bucket', { bucket: 'one-1', cos: { bucket: `${MARK}-1` } }],
    ['cos.region', { cos: { bucket: 'b-1', region: `${MARK}.example` } }],
    ['cos.region', { cos: { bucket: 'b-1', region: '' } }],
    ['cos.credentials', { cos: { bucket: 'b-1', credentials: MARK } }],
    ['cos.credentials', { cos: { bucket: 'b-1', credentials: null } }],
    ['cos.credentials.secretId', { cos: { bucket: 'b-1', credentials: { secretKey: MARK } } }],
    ['cos.credentials.secretKey', { cos: { bucket: 'b-1', credentials: { secretId: MARK } } }],
    [
      'cos.credentials.token',
      { cos: { bucket: 'b-1', credentials: { secretId: 'i', secretKey: MARK, token: '' } } },
    ],
    ['cos.endpoint', { cos: { bucket: 'b-1', endpoint: `http://${MARK}.example` } }],
    ['cos.endpoint', { cos: { bucket: 'b-1', endpoint: `https://u:${MARK}@a.example` } }],
    ['cos.endpoint', { cos: { bucket: 'b-1', endpoint: `https://a.example/?${MARK}` } }],
    ['cos.endpoint', { cos: { bucket: 'b-1', endpoint: `https://a.example/%zz${MARK}` } }],
    ['cos.endpoint', { cos: { bucket: 'b-1', endpoint: MARK } }],
    ...wrongNumbers('cos.partBytes', partBytes => ({ cos: { bucket: 'b-1', partBytes } })),
    ['timeouts', { timeouts: MARK }],
    ['timeouts', { timeouts: null }],
    ['timeouts', { timeouts: [MARK] }],
    ['timeouts', { timeouts: 1_000 }],
    ['timeouts.totalMs', { timeouts: { totalMs: 0 } }],
    ['timeouts.totalMs', { timeouts: { totalMs: 2_147_483_648 } }],
    ...wrongNumbers('timeouts.connectMs', connectMs => ({ timeouts: { connectMs } })),
    ...wrongNumbers('timeouts.headersMs', headersMs => ({ timeouts: { headersMs } })),
    ...wrongNumbers('timeouts.idleMs', idleMs => ({ timeouts: { idleMs } })),
    ...wrongNumbers('timeouts.totalMs', totalMs => ({ timeouts: { totalMs } })),
    ...wrongNumbers('timeouts.tokenMs', tokenMs => ({ timeouts: { tokenMs } })),
    ...wrongNumbers('maxConnections', maxConnections => ({ maxConnections })),
    ['maxConnections', { maxConnections: 0 }],
    ['maxConnections', { maxConnections: 65_536 }],
    ['retry', { retry: MARK }],
    ['retry.attempts', { retry: { attempts: 0 } }],
    ['retry.attempts', { retry: { attempts: 11 } }],
    ['retry.minDelayMs', { retry: { minDelayMs: 60_001 } }],
    ['retry.maxDelayMs', { retry: { minDelayMs: 10, maxDelayMs: 9 } }],
    ['retry.maxDelayMs', { retry: { maxDelayMs: 600_001 } }],
    ...wrongNumbers('retry.attempts', attempts => ({ retry: { attempts } })),
    ...wrongNumbers('retry.minDelayMs', minDelayMs => ({ retry: { minDelayMs } })),
    ...wrongNumbers('retry.maxDelayMs', maxDelayMs => ({ retry: { maxDelayMs } })),
    ['upload', { upload: MARK }],
    ...wrongNumbers('upload.memoryLimitBytes', memoryLimitBytes => ({
      upload: { memoryLimitBytes },
    })),
    ...wrongNumbers('upload.memoryBudgetBytes', memoryBudgetBytes => ({
      upload: { memoryBudgetBytes },
    })),
    ...wrongNumbers('upload.diskBudgetBytes', diskBudgetBytes => ({
      upload: { diskBudgetBytes },
    })),
    ['upload.spoolDirectory', { upload: { spoolDirectory: '' } }],
    ['upload.spoolDirectory', { upload: { spoolDirectory: `/nowhere/${MARK}` } }],
    ['upload.spoolDirectory', { upload: { spoolDirectory: `${MARK}\u0000` } }],
    // Not even root can write there.
    ['upload.spoolDirectory', { upload: { spoolDirectory: '/proc' } }],
    ['upload.spoolDirectory', { upload: { spoolDirectory: 7 } }],
    ['upload.spoolDirectory', { upload: { spoolDirectory: Buffer.from(tmpdir()) } }],
    ['upload.spoolDirectory', { upload: { spoolDirectory: pathToFileURL(tmpdir()) } }],
    ['upload.verifyEtag', { upload: { verifyEtag: MARK } }],
    ['upload.verifyEtag', { upload: { verifyEtag: 1 } }],
    ['links', { links: MARK }],
    ['links.maxAgeSeconds', { links: { maxAgeSeconds: 0 } }],
    ['links.maxAgeSeconds', { links: { maxAgeSeconds: 86_401 } }],
    ['links.cache', { links: { cache: 1 } }],
    ['links.batchWindowMs', { links: { batchWindowMs: 1_001 } }],
    ...wrongNumbers('links.batchWindowMs', batchWindowMs => ({ links: { batchWindowMs } })),
    ...wrongNumbers('links.maxAgeSeconds', maxAgeSeconds => ({ links: { maxAgeSeconds } })),
    ['onOrphan', { onOrphan: MARK }],
    ['onOrphan', { onOrphan: null }],
    ['dispatcher', { dispatcher: MARK }],
    ['dispatcher', { dispatcher: null }],
    ['dispatcher', { dispatcher: {} }],
    ['dispatcher', { dispatcher: { dispatch: MARK } }],
  ])('are rejected by name without their value: %s, row %#', (option, options) => {
    const error = failure(options);
    expect(error).toMatchObject({
      name: 'OptionsInvalidError',
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option,
    });
    expect(error.message).toContain(`"${option}"`);
    expect(everythingShownBy(error)).not.toContain(MARK);
  });

  it.each([
    ['timeouts.totalMs', { timeouts: { totalMs: null } }],
    ['retry.attempts', { retry: { attempts: null } }],
    ['upload.memoryLimitBytes', { upload: { memoryLimitBytes: null } }],
    ['upload.spoolDirectory', { upload: { spoolDirectory: null } }],
    ['upload.verifyEtag', { upload: { verifyEtag: null } }],
    ['links.maxAgeSeconds', { links: { maxAgeSeconds: null } }],
  ])('include null, which does not mean "left out": %s', (option, options) => {
    expect(failure(options)).toMatchObject({ option });
  });

  it.each([
    ['apiBaseURL', { apiBaseURL: MARK }, 'Use apiBaseUrl.'],
    ['appId', { appId: MARK }, 'Use appid.'],
    ['timeout', { timeout: MARK }, 'Use timeouts.'],
    ['password', { password: MARK }, 'Known here: env, appid, '],
    ['timeouts.totalMS', { timeouts: { totalMS: MARK } }, 'Use timeouts.totalMs.'],
    ['retry.attempt', { retry: { attempt: MARK } }, 'Use retry.attempts.'],
    ['upload.memoryLimit', { upload: { memoryLimit: MARK } }, 'Known here: memoryLimitBytes, '],
    ['links.maxAge', { links: { maxAge: MARK } }, 'Known here: cache, '],
    ['cos.regoin', { cos: { regoin: MARK } }, 'Use cos.region.'],
    ['auth.appsecret', withAuth({ appsecret: MARK }), 'Known here: type, '],
  ])('include an unknown name at every level: %s', (option, options, remedy) => {
    const error = failure(options);
    expect(error).toMatchObject({ option });
    expect(error.message).toContain(`option "${option}" is unknown. ${remedy}`);
    expect(everythingShownBy(error)).not.toContain(MARK);
  });

  it.each([
    ['undefined', undefined, 'env'],
    ['null', null, 'env'],
    ['an empty object', {}, 'env'],
    ['a text', MARK, 'options'],
    ['a list', [MARK], 'options'],
    ['a function', () => MARK, 'options'],
  ])('include %s instead of an object', (_, options, option) => {
    const error = thrownBy(() => resolveOptions(options as unknown as WxCloudStorageOptions));
    expect(error).toMatchObject({ code: 'WX_CLOUD_OPTIONS_INVALID', option });
    expect(everythingShownBy(error)).not.toContain(MARK);
  });

  it('include a regular file as the folder for temporary files', () => {
    const spoolDirectory = join(folder, 'a-file');
    writeFileSync(spoolDirectory, '', { mode: 0o700 });
    expect(failure({ upload: { spoolDirectory } })).toMatchObject({
      option: 'upload.spoolDirectory',
    });
  });
});

describe('resolveOptions: cos', () => {
  it('completes the address of the bucket, and names it for file IDs', () => {
    const { bucket, cos } = resolve({ cos: { bucket: '7072-prod-1' } });
    expect(bucket).toBe('7072-prod-1');
    expect(cos).toEqual({
      bucket: '7072-prod-1',
      host: '7072-prod-1.cos.ap-shanghai.myqcloud.com',
      address: 'https://7072-prod-1.cos.ap-shanghai.myqcloud.com',
      credentials: { type: 'container' },
      partBytes: 4_194_304,
    });
  });

  it('keeps the path of an endpoint', () => {
    const { cos } = resolve({ cos: { bucket: 'b-1', endpoint: 'http://127.0.0.1:80/a/b/' } });
    expect(cos).toMatchObject({ address: 'http://127.0.0.1/a/b/' });
  });

  it('wraps keys', () => {
    const credentials = { secretId: 'i', secretKey: MARK, token: MARK };
    const { cos } = resolve({ cos: { bucket: 'b-1', credentials } });
    expect(everythingShownBy(cos)).not.toContain(MARK);
    expect(cos?.credentials).toMatchObject({ type: 'keys', keys: { secretId: 'i' } });
  });
});

describe('resolveOptions: auth', () => {
  const getToken = () => ({ accessToken: 't', expiresInSeconds: 1 });

  it.each([
    [{ type: 'open-api-service' }, { type: 'open-api-service', fromAppid: undefined }],
    [
      { type: 'open-api-service', fromAppid: 'wx1' },
      { type: 'open-api-service', fromAppid: 'wx1' },
    ],
    [
      { type: 'cloudbase-token' },
      { type: 'cloudbase-token', file: '/.tencentcloudbase/wx/cloudbase_access_token' },
    ],
    [
      { type: 'cloudbase-token', file: '/run/token' },
      { type: 'cloudbase-token', file: '/run/token' },
    ],
    [
      { type: 'custom', getToken },
      { type: 'custom', getToken },
    ],
    [
      { type: 'custom', appid: 'wx1', getToken },
      { type: 'custom', appid: 'wx1', getToken },
    ],
  ])('may be %j', (auth, expected) => {
    expect(resolve(withoutSecret(auth)).auth).toEqual(expected);
    expect(Object.isFrozen(resolve(withoutSecret(auth)).auth)).toBe(true);
  });

  it('decides how the API is called', () => {
    expect(resolve(OPEN_API).apiBaseUrl).toBe('http://api.weixin.qq.com');
    expect(resolve(withoutSecret({ type: 'cloudbase-token' })).apiBaseUrl).toBe(
      'https://api.weixin.qq.com',
    );
  });

  it('is rejected with the reason when the open API service is called over https', () => {
    const { message } = failure({ ...OPEN_API, apiBaseUrl: 'https://api.weixin.qq.com' });
    expect(message).toContain('certificate for https: cannot be verified');
    expect(message).toContain('http://api.weixin.qq.com');
  });

  it('allows a plain http address for the open API service only', () => {
    expect(resolve({ ...OPEN_API, apiBaseUrl: 'http://sidecar.example/' }).apiBaseUrl).toBe(
      'http://sidecar.example',
    );
  });
});

describe('resolveOptions: the result', () => {
  it('is frozen at every level', () => {
    const resolved = resolve({});
    const { auth: held, timeouts, retry, upload, links } = resolved;
    expect([resolved, held, timeouts, retry, upload, links].map(Object.isFrozen)).toEqual(
      Array<boolean>(6).fill(true),
    );
  });

  it('does not follow later changes of the given options', () => {
    const timeouts = { totalMs: 5 };
    const resolved = resolve({ timeouts });
    timeouts.totalMs = 6;
    expect(resolved.timeouts.totalMs).toBe(5);
  });

  it('shows the secret in no inspection, text or JSON', () => {
    const resolved = resolve({});
    expect(everythingShownBy(resolved)).not.toContain(MARK);
    expect(`${String(secretOf(resolved.auth))}`).toBe('[secret]');
    expect(JSON.stringify({ ...resolved.auth })).toContain('"secret":"[secret]"');
    expect(Object.getOwnPropertyNames(secretOf(resolved.auth))).toEqual([]);
  });
});

describe('resolveOptions: ticketKey', () => {
  it('is wrapped, so that nothing shows it', () => {
    const ticketKey = `${MARK}-of-32-characters-or-more`;
    const resolved = resolve({ ticketKey });
    expect(resolved.ticketKey?.reveal()).toBe(ticketKey);
    expect(everythingShownBy(resolved)).not.toContain(MARK);
  });

  it.each([
    ['too short', `${MARK}-short`],
    ['of 31 characters', MARK.padEnd(31, 'x')],
    ['with white space', `${MARK} with white space, but long enough`],
    ['of bytes', Buffer.alloc(32)],
    ['of nothing', ''],
    ['null', null],
  ])('is rejected when it is %s', (_, ticketKey) => {
    const error = failure({ ticketKey });
    expect(error.message).toMatch(/ticketKey/);
    expect(everythingShownBy(error)).not.toContain(MARK);
  });
});

describe('resolveOptions: replicas', () => {
  const publish = async (): Promise<void> => {};
  const subscribe = async (): Promise<() => Promise<void>> => async () => {};

  it.each([
    { publish, subscribe },
    { publish, subscribe, onReset: () => () => {} },
  ])('takes the channel as it is: %o', replicas => {
    expect(resolve({ replicas }).replicas).toBe(replicas);
  });

  it.each([
    null,
    MARK,
    [],
    {},
    { publish },
    { subscribe },
    { publish: MARK, subscribe },
    { publish, subscribe, onReset: MARK },
  ])('is rejected when it is %o', replicas => {
    const error = failure({ replicas });
    expect(error).toMatchObject({ code: 'WX_CLOUD_OPTIONS_INVALID', option: 'replicas' });
    expect(error.message).toMatch(/redisReplicaChannel/);
    expect(everythingShownBy(error)).not.toContain(MARK);
  });
});
