import { describe, expect, it } from '@jest/globals';
import { decideType } from '../../../../lib/http/upload/store-file.js';
import { assertEngineOptions } from '../../../../lib/http/upload/upload-option-checks.js';
import type { WxCloudUploadEngineOptions } from '../../../../lib/http/upload/upload-options.js';
import { PNG } from '../../../support/forms.js';
import { NEVER } from '../../support/server.js';

const file = { fieldname: 'photo', originalname: 'a.bin', mimetype: 'image/png' };

describe('decideType with detectContentType', () => {
  it('protects the stored bytes from changes', async () => {
    const head = Buffer.from('first bytes of no known type');
    const detectContentType = (seen: Uint8Array): string => {
      seen.fill(0);
      return 'application/x-own';
    };
    await expect(decideType(head, { detectContentType }, file, NEVER)).resolves.toMatchObject({
      contentType: 'application/x-own',
    });
    expect(head.toString()).toBe('first bytes of no known type');
  });

  it('stops waiting when the upload is aborted', async () => {
    const caller = new AbortController();
    const detectContentType = (): Promise<never> => new Promise(() => {});
    const asking = decideType(Buffer.of(1), { detectContentType }, file, caller.signal);
    caller.abort(new Error('ended'));
    await expect(asking).rejects.toBe(caller.signal.reason);
  });
});

describe('decideType with keepExtension', () => {
  const TEXT = Buffer.from('a,b\n');
  const typeOf = (options: WxCloudUploadEngineOptions, name: string, head = TEXT) =>
    decideType(head, options, { ...file, originalname: name }, NEVER);

  it.each<[WxCloudUploadEngineOptions['keepExtension'], string, string | undefined]>([
    [undefined, 'a.txt', undefined],
    [false, 'a.txt', undefined],
    [true, 'a.txt', 'txt'],
    [true, '报表.CSV', 'csv'],
    [true, 'a.html.md', 'md'],
    [true, 'a.html', undefined],
    [true, 'a.SVG', undefined],
    [true, 'a.php', undefined],
    [true, 'a.xml', undefined],
    [true, 'a.unknown', undefined],
    [true, 'a.', undefined],
    [true, '.txt', undefined],
    [true, 'txt', undefined],
    [true, 'a.txt\u0000', undefined],
    [['dat', 'txt'], 'a.DAT', 'dat'],
    [['dat'], 'a.txt', undefined],
    [[], 'a.txt', undefined],
  ])('set to %j stores %j with the extension %j', async (keepExtension, name, extension) => {
    await expect(typeOf({ keepExtension }, name)).resolves.toEqual({
      extension,
      contentType: 'application/octet-stream',
    });
  });

  it('uses the extension of a detected type', async () => {
    const keepExtension = ['png', 'txt'];
    await expect(typeOf({ keepExtension }, 'a.txt', PNG)).resolves.toEqual({
      extension: 'png',
      contentType: 'image/png',
    });
  });

  it('accepts a type named by the application', async () => {
    const options = { keepExtension: true, detectContentType: () => 'text/csv' };
    await expect(typeOf(options, 'a.csv')).resolves.toEqual({
      extension: 'csv',
      contentType: 'text/csv',
    });
  });

  it.each([
    'txt',
    1,
    [''],
    ['.txt'],
    ['TXT'],
    ['tar.gz'],
    ['a/b'],
    ['ninechars'],
    [1],
    ...['html', 'svg', 'js', 'xml', 'php', 'exe'].map(active => ['txt', active]),
  ])('rejects %j at startup', keepExtension => {
    expect(() => assertEngineOptions({ keepExtension })).toThrow(
      expect.objectContaining({
        code: 'WX_CLOUD_OPTIONS_INVALID',
        message: expect.stringContaining('keepExtension'),
      }),
    );
  });

  it.each([undefined, true, false, [], ['txt', 'dat', '7z']])('accepts %j', keepExtension => {
    expect(() => assertEngineOptions({ keepExtension })).not.toThrow();
  });
});
