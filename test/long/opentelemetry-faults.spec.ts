import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { WxCloudEmulator } from '../../lib/emulator/index.js';
import type { WxCloudStorageOptions } from '../../lib/index.js';
import { afterThisTest } from '../support/after-test.js';
import { startApplication } from '../support/application.js';
import { askForToken } from '../support/ask-for-token.js';
import { settle } from '../support/fault-application.js';
import { BUCKET_FAULTS, FAULTS, type FaultCase } from '../support/faults.js';
import { recordSecrets } from '../support/secret-recorder.js';
import { useTelemetry } from '../support/telemetry.js';
import { BUCKET } from '../support/ways.js';

/** The options for an emulator; secrets that come from elsewhere are given to `tell`. */
type Options = (
  emulator: WxCloudEmulator,
  tell: (secret: string) => void,
) => Partial<WxCloudStorageOptions>;

const TIMEOUTS = { connectMs: 1_000, headersMs: 30, idleMs: 30, totalMs: 2_000 };

const observed = useTelemetry();

const withAuth = (auth: WxCloudStorageOptions['auth']): Partial<WxCloudStorageOptions> =>
  ({ appid: undefined, secret: undefined, auth }) as Partial<WxCloudStorageOptions>;

const CREDENTIALS: readonly (readonly [string, Options, readonly FaultCase[]])[] = [
  ['stable-token', () => ({}), FAULTS],
  [
    'access-token',
    ({ options: { appid, secret } }) => withAuth({ type: 'access-token', appid, secret }),
    FAULTS,
  ],
  [
    'custom',
    (emulator, tell) => {
      const getToken = async () => {
        const accessToken = await askForToken(emulator);
        tell(accessToken);
        return { accessToken, expiresInSeconds: 7_200 };
      };
      return withAuth({ type: 'custom', getToken });
    },
    FAULTS,
  ],
  [
    'cloudbase-token',
    (emulator, tell) => {
      const folder = mkdtempSync(join(tmpdir(), 'wx-cloud-telemetry-'));
      afterThisTest(() => rmSync(folder, { recursive: true }));
      const file = join(folder, 'token');
      const token = emulator.issueCloudbaseToken();
      tell(token);
      writeFileSync(file, token);
      return withAuth({ type: 'cloudbase-token', file });
    },
    FAULTS,
  ],
  [
    'open-api-service',
    ({ sidecarUrl }) => ({
      ...withAuth({ type: 'open-api-service' }),
      apiBaseUrl: sidecarUrl,
    }),
    FAULTS,
  ],
  ['keys of the bucket', emulator => BUCKET.options(emulator), BUCKET_FAULTS],
];

describe.each(CREDENTIALS)('telemetry with %s', (_, optionsOf, faults) => {
  it('shows no secret under any fault', async () => {
    const recorder = recordSecrets();
    afterThisTest(() => recorder.close());
    const given = new Set<string>();
    const { emulator, storage, close } = await startApplication({
      options: started => ({
        ...optionsOf(started, secret => void given.add(secret)),
        dispatcher: recorder.dispatcher,
        timeouts: TIMEOUTS,
      }),
    });
    afterThisTest(close);
    for (const [, fault] of faults) {
      emulator.faults.add(fault);
      const stored = settle(storage.upload('walk/a.txt', Buffer.alloc(150_000), { size: 150_000 }));
      const fileId = `cloud://${emulator.env}.${emulator.bucket}/walk/a.txt`;
      await stored;
      await settle(storage.getDownloadUrl(fileId));
      await settle(storage.downloadBuffer(fileId));
      await settle(storage.createUploadForm());
      await settle(storage.delete(fileId));
      emulator.faults.clear();
    }
    const spans = observed.telemetry.spans.map(({ name, attributes, events, status, links }) => ({
      name,
      attributes,
      events,
      status,
      links,
    }));
    const shown = [spans, await observed.telemetry.collectMetrics()]
      .map(value => inspect(value, { depth: Infinity, maxArrayLength: Infinity }))
      .join('\n');
    const secrets = [emulator.options.secret, ...recorder.secrets, ...given];
    expect(secrets.length).toBeGreaterThan(1);
    expect(observed.telemetry.spans.length).toBeGreaterThan(faults.length);
    expect(secrets.filter(secret => shown.includes(secret))).toEqual([]);
  });
});

describe('500 uploads at a time', () => {
  it('make spans of their own only', async () => {
    const { storage, close } = await startApplication();
    afterThisTest(close);
    const paths = Array.from({ length: 500 }, (_, index) => `${index}.txt`);
    await Promise.all(paths.map(path => storage.upload(path, path)));
    const { spans, rawAddresses } = observed.telemetry;
    expect(rawAddresses).toEqual([]);
    expect(spans.filter(({ name }) => name === 'POST object')).toHaveLength(500);
  });
});
