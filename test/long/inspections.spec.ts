import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import {
  WxAccessTokenProvider,
  WxCloudStorageModule,
  WxCloudStorageService,
  type WxCloudAuth,
} from '../../lib/index.js';

let emulator: WxCloudEmulator;
beforeAll(async () => {
  emulator = await startWxCloudEmulator();
});
afterAll(() => emulator.close());

const compile = (...imports: Parameters<typeof Test.createTestingModule>[0]['imports'] & object) =>
  Test.createTestingModule({ imports }).compile();

describe('util.inspect of a whole application', () => {
  it('shows the secret nowhere', async () => {
    const dynamicModule = WxCloudStorageModule.forRoot(emulator.options);
    const app = await compile(dynamicModule);
    const token = await app.get(WxAccessTokenProvider).getAccessToken();
    const shown = [
      dynamicModule,
      app,
      app.get(WxCloudStorageService),
      app.get(WxAccessTokenProvider),
    ]
      .map(value => inspect(value, { depth: Infinity, showHidden: true }))
      .join();

    expect(shown).not.toContain(emulator.options.secret);
    expect(shown).not.toContain(token);
    await app.close();
  });

  it.each<[string, () => Promise<WxCloudAuth>]>([
    [
      'custom',
      async () => ({
        type: 'custom',
        getToken: () => ({ accessToken: 'a-hidden-token', expiresInSeconds: 60 }),
      }),
    ],
    [
      'cloudbase-token',
      async () => {
        const file = join(await mkdtemp(join(tmpdir(), 'wx-cloud-module-')), 'token');
        await writeFile(file, 'a-hidden-token');
        return { type: 'cloudbase-token', file };
      },
    ],
  ])('shows no token of auth %s', async (_, makeAuth) => {
    const { env, apiBaseUrl } = emulator.options;
    const dynamicModule = WxCloudStorageModule.forRoot({ env, apiBaseUrl, auth: await makeAuth() });
    const app = await compile(dynamicModule);
    expect(await app.get(WxAccessTokenProvider).getAccessToken()).toBe('a-hidden-token');
    const shown = [app, app.get(WxCloudStorageService), app.get(WxAccessTokenProvider)]
      .map(value => inspect(value, { depth: Infinity, showHidden: true }))
      .join();
    expect(shown).not.toContain('a-hidden-token');
    await app.close();
  });
});
