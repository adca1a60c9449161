import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import { builtPackage, ROOT } from '../package/support/files.js';

/** The end of a run of the suite. */
interface Run {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A fake pair of keys that the emulator accepts. */
const KEYS = { secretId: 'AKIDliveTestsOfTheEmulator', secretKey: 'fakeKeyOfTheLiveTests' };

let emulator: WxCloudEmulator;
let folder: string;

beforeAll(async () => {
  builtPackage();
  emulator = await startWxCloudEmulator({ cos: { keys: [KEYS] } });
  folder = await mkdtemp(join(tmpdir(), 'live-test-'));
  await writeFile(join(folder, 'token'), emulator.issueCloudbaseToken());
});

afterAll(async () => {
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

describe('npm run test:live', () => {
  it('passes every check of every way against the emulator, leaves no object, shows no secret', async () => {
    const { code, stdout, stderr } = await run(variables());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Only the sidecar of a container signs owners, and own keys are used without one here.
    expect(stdout.match(/^ +(?:FAILED|unsupported).*$/gm)).toEqual([
      expect.stringMatching(/the owner is signed into a file.*WX_CLOUD_UNSUPPORTED/),
    ]);
    expect(stdout).not.toMatch(/no answer|not tried/);
    expect(stdout).not.toMatch(/sign=|q-signature|access_token/i);
    expect(stdout).not.toContain(emulator.options.secret);
    expect(stdout).not.toContain(KEYS.secretKey);
    expect(emulator.objects).toEqual([]);
  });

  it('says which variables are missing', async () => {
    expect(await run({})).toEqual({
      code: 1,
      stdout: expect.stringContaining('not tried  links, AppSecret (needs WX_ENV_ID, WX_APPID'),
      stderr: expect.stringContaining('Nothing can be run with these variables'),
    });
  });
});

function variables(): Record<string, string> {
  const { env, appid, secret, apiBaseUrl } = emulator.options;
  return {
    WX_ENV_ID: env,
    WX_APPID: appid,
    WX_SECRET: secret,
    WX_API_BASE_URL: apiBaseUrl,
    WX_LIVE_SIDECAR_URL: emulator.sidecarUrl,
    WX_LIVE_TOKEN_FILE: join(folder, 'token'),
    WX_COS_BUCKET: emulator.bucket,
    WX_COS_ENDPOINT: emulator.cosEndpoint,
    WX_COS_SECRET_ID: KEYS.secretId,
    WX_COS_SECRET_KEY: KEYS.secretKey,
  };
}

function run(given: Record<string, string>): Promise<Run> {
  const env = { PATH: process.env['PATH'], ...given };
  return new Promise(resolve => {
    execFile(
      process.execPath,
      ['--no-warnings', 'live/run.mjs'],
      { cwd: ROOT, env, maxBuffer: 16_777_216 },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}
