import { describe, expect, it } from '@jest/globals';
import { describeCheck } from '../../../lib/cli/check-command.js';
import { describeEmulator, formatRequest } from '../../../lib/cli/emulator-command.js';
import { cleanText } from '../../../lib/cli/terminal.js';
import type { WxCloudEmulatorJournalEntry } from '../../../lib/emulator/index.js';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import type { WxCloudCheckOutcome, WxCloudStorageCheck } from '../../../lib/index.js';

const ENTRY: WxCloudEmulatorJournalEntry = {
  operation: 'upload-link',
  method: 'POST',
  path: '/tcb/uploadfile',
  status: 200,
  requestBytes: 94,
  responseBytes: 766,
  durationMs: 4,
};

describe('formatRequest', () => {
  it('names method, operation, path, status, bytes and milliseconds', () => {
    expect(formatRequest(ENTRY)).toBe(
      'POST upload-link /tcb/uploadfile 200 94 B in, 766 B out, 4 ms',
    );
  });

  it.each<[Partial<WxCloudEmulatorJournalEntry>, RegExp]>([
    [{ errcode: 40125 }, / 4 ms, errcode 40125$/],
    [{ status: 403, cosCode: 'AccessDenied' }, / 403 .* 4 ms, AccessDenied$/],
    [{ via: 'sidecar' }, / 4 ms, by the sidecar$/],
    [{ status: 0, fault: 'reset', aborted: true }, / - .* 4 ms, fault reset, aborted$/],
  ])('adds what went wrong: %j', (members, expected) => {
    expect(formatRequest({ ...ENTRY, ...members })).toMatch(expected);
  });

  it('shows no control characters, no user of an address, and a single line', () => {
    const path = `http://me:pass@host/\u001B[2J\u009B\u202E\n${'x'.repeat(5_000)}`;
    const line = formatRequest({ ...ENTRY, path });
    expect(line).toContain(' http://host/?[2J???xxx');
    expect(line.length).toBeLessThan(300);
  });
});

describe('cleanText', () => {
  it.each([
    ['图片 a.png', '图片 a.png'],
    ['a\r\nb\tc', 'a??b?c'],
    ['\u2028\u2029\u0085', '???'],
    ['\uD800x', '\uFFFDx'],
    ['12345678901', '1234567890…'],
  ])('turns %j into %j', (text, expected) => {
    expect(cleanText(text, 10)).toBe(expected);
  });
});

describe('describeEmulator', () => {
  const url = 'http://127.0.0.1:4100';
  const options = { env: 'e-1', appid: 'wx1', secret: 's', apiBaseUrl: url };
  const sidecarUrl = 'http://127.0.0.1:4101';
  const emulator = { url, options, sidecarUrl, cosEndpoint: `${url}/b-1300000000` };

  it('returns lines of a .env file and comments only', () => {
    const lines = describeEmulator(emulator);
    expect(lines.filter(line => !line.startsWith('# '))).toEqual([
      'WX_ENV_ID=e-1',
      'WX_APPID=wx1',
      'WX_SECRET=s',
      'WX_API_BASE_URL=http://127.0.0.1:4100',
    ]);
    expect(lines[0]).toContain('objects in memory');
  });

  it('names the endpoint of the bucket and the open API service', () => {
    expect(describeEmulator(emulator)).toContain(
      '# COS endpoint: http://127.0.0.1:4100/b-1300000000, open API service: http://127.0.0.1:4101',
    );
  });

  it('says where objects are kept, on one line', () => {
    expect(describeEmulator(emulator, 'a\nWX_SECRET=b')[0]).toContain('in a?WX_SECRET=b.');
  });
});

describe('describeCheck', () => {
  const ok: WxCloudCheckOutcome = { status: 'ok' };
  const skipped: WxCloudCheckOutcome = { status: 'skipped' };
  const fine: WxCloudStorageCheck = {
    ok: true,
    credential: ok,
    environment: ok,
    write: skipped,
    read: skipped,
    delete: skipped,
  };

  it('returns a line for each part', () => {
    expect(describeCheck(fine, false)).toEqual([
      'ok      credential: WeChat returns an access token',
      'ok      environment: WeChat returns an upload link for the environment',
      'skipped write: needs --bucket',
      'skipped read: needs --bucket',
      'skipped delete: needs --bucket',
    ]);
  });

  it('shows code and message of a failure on one line, without a hint for options already used', () => {
    const error = new WxCloudStorageError({
      code: 'WX_CLOUD_API_FAILED',
      message: '/tcb/uploadfile: WeChat answered -501005\n(\u001B[2J). Check env.',
    });
    const found: WxCloudStorageCheck = {
      ...fine,
      ok: false,
      environment: { status: 'failed', error },
    };
    expect(describeCheck(found, true).slice(1, 3)).toEqual([
      'FAILED  environment: WX_CLOUD_API_FAILED: /tcb/uploadfile: WeChat answered -501005?(?[2J). Check env. (nestjs-wx-cloud-storage/docs/errors.md#wx_cloud_api_failed)',
      'skipped write: not tried',
    ]);
  });
});
