import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CloudbaseTokenFile } from '../../../../lib/wechat/tokens/cloudbase-token-file.js';

const MINUTE = 60_000;
let folder: string;
let file: string;
let nowMs: number;
let tokens: CloudbaseTokenFile;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cloudbase-token-'));
  file = join(folder, 'cloudbase_access_token');
  nowMs = 0;
  tokens = new CloudbaseTokenFile(file, () => nowMs);
  writeFileSync(file, 'first\n');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Changes the content but nothing by which that could be seen. */
function writeUnseen(content: string): void {
  const { atime, mtime } = statSync(file);
  writeFileSync(file, content);
  utimesSync(file, atime, mtime);
}

describe('CloudbaseTokenFile', () => {
  it('returns the content of the file without the line break', async () => {
    expect(await tokens.get()).toBe('first');
  });

  it('reads the file again as soon as it changes', async () => {
    await tokens.get();
    writeFileSync(file, 'the second');
    expect(await tokens.get()).toBe('the second');
  });

  it('reads the file again after 10 minutes, even if it looks unchanged', async () => {
    utimesSync(file, 1, 1);
    await tokens.get();
    writeUnseen('other\n');
    nowMs = 10 * MINUTE - 1;
    expect(await tokens.get()).toBe('first');
    nowMs = 10 * MINUTE;
    expect(await tokens.get()).toBe('other');
  });

  it('reads the file again after its token was rejected', async () => {
    utimesSync(file, 1, 1);
    tokens.invalidate(await tokens.get());
    writeUnseen('other\n');
    expect(await tokens.get()).toBe('other');
  });

  it('keeps its token when another one was rejected', async () => {
    utimesSync(file, 1, 1);
    await tokens.get();
    writeUnseen('other\n');
    tokens.invalidate('older');
    expect(await tokens.get()).toBe('first');
  });

  it.each([
    ['is gone', () => rmSync(file)],
    ['is empty', () => writeFileSync(file, ' \n')],
  ])('serves the token read last for 30 minutes when the file %s', async (_, spoil) => {
    await tokens.get();
    spoil();
    nowMs = 30 * MINUTE - 1;
    expect(await tokens.get()).toBe('first');
    nowMs = 30 * MINUTE;
    await expect(tokens.get()).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      retryable: true,
    });
    writeFileSync(file, 'again');
    expect(await tokens.get()).toBe('again');
  });

  it('says what to do when there is no file', async () => {
    rmSync(file);
    await expect(tokens.get()).rejects.toMatchObject({
      code: 'WX_CLOUD_CREDENTIAL_UNAVAILABLE',
      message: expect.stringContaining('云调用'),
      cause: expect.objectContaining({ code: 'ENOENT' }),
    });
  });

  it('stops waiting for a caller that aborts', async () => {
    await expect(tokens.get(AbortSignal.abort(new Error('gave up')))).rejects.toThrow('gave up');
  });

  it('shows no token in an inspection', async () => {
    await tokens.get();
    expect(inspect(tokens, { depth: Infinity, showHidden: true })).not.toContain('first');
    expect(JSON.stringify(tokens)).toBe('{}');
  });
});
