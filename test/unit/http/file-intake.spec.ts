import { randomUUID } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import { FileIntake } from '../../../lib/http/file-intake.js';
import { assertEngineOptions } from '../../../lib/http/upload-option-checks.js';
import type {
  WxCloudHttpRequest,
  WxCloudIncomingFile,
  WxCloudUploadEngineOptions,
} from '../../../lib/http/upload-options.js';
import { PNG } from '../../support/forms.js';
import { NEVER } from '../support/server.js';

const request = {} as WxCloudHttpRequest;
const file = { fieldname: 'photo', originalname: 'a.bin', mimetype: 'image/png' };

describe("an application's own detection", () => {
  it('cannot change what is stored', async () => {
    const head = Buffer.from('first bytes of no known type');
    const detectContentType = (seen: Uint8Array): string => {
      seen.fill(0);
      return 'application/x-own';
    };
    const intake = new FileIntake({ detectContentType }, request, file);
    await intake.inspect(head, NEVER);
    expect(head.toString()).toBe('first bytes of no known type');
    await expect(intake.plan(5, NEVER)).resolves.toMatchObject({
      contentType: 'application/x-own',
    });
  });
});

describe('a path function', () => {
  it('is given the same UUID for the same file, however often it is asked', async () => {
    const path = jest.fn(({ uuid }: WxCloudIncomingFile) => `own/${uuid}`);
    const intake = new FileIntake({ path }, request, file);
    const plans = [await intake.plan(5, NEVER), await intake.plan(5, NEVER)];
    expect(plans[0]).toEqual(plans[1]);
  });

  it.each<[string, (file: WxCloudIncomingFile) => string, boolean | undefined, boolean]>([
    ['with the UUID', ({ uuid }) => `own/${uuid}.png`, undefined, true],
    ['with the UUID in a folder', ({ uuid }) => `${uuid}/a.png`, false, true],
    ['without it', () => 'own/a.png', undefined, false],
    ['with a part of it', ({ uuid }) => `own/${uuid.slice(0, -1)}`, undefined, false],
    ['with another one', () => `own/${randomUUID()}`, undefined, false],
    ['that the application vouches for', () => 'own/a.png', true, true],
  ])('returns a path %s', async (_, path, uniquePath, isPathUnique) => {
    const intake = new FileIntake({ path, uniquePath }, request, file);
    await expect(intake.plan(5, NEVER)).resolves.toMatchObject({ isPathUnique });
  });
});

describe('a function of the application that does not answer', () => {
  const endless = (): Promise<never> => new Promise(() => {});

  it.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    [
      'detectContentType',
      signal =>
        new FileIntake({ detectContentType: endless }, request, file).inspect(Buffer.of(1), signal),
    ],
    ['path', signal => new FileIntake({ path: endless }, request, file).plan(5, signal)],
  ])('is not waited for when the upload ends: %s', async (_, ask) => {
    const caller = new AbortController();
    const asking = ask(caller.signal);
    caller.abort(new Error('ended'));
    await expect(asking).rejects.toBe(caller.signal.reason);
  });
});

describe('keepExtension', () => {
  const TEXT = Buffer.from('a,b\n');
  const planFor = async (options: WxCloudUploadEngineOptions, name: string, head = TEXT) => {
    const intake = new FileIntake(options, request, { ...file, originalname: name });
    await intake.inspect(head, NEVER);
    const { cloudPath, contentType } = await intake.plan(5, NEVER);
    return { extension: /(?<=[\da-f]{12}).*$/.exec(cloudPath)?.[0], contentType };
  };

  it.each<[WxCloudUploadEngineOptions['keepExtension'], string, string]>([
    [undefined, 'a.txt', ''],
    [false, 'a.txt', ''],
    [true, 'a.txt', '.txt'],
    [true, '报表.CSV', '.csv'],
    [true, 'a.html.md', '.md'],
    [true, 'a.html', ''],
    [true, 'a.SVG', ''],
    [true, 'a.php', ''],
    [true, 'a.xml', ''],
    [true, 'a.unknown', ''],
    [true, 'a.', ''],
    [true, '.txt', ''],
    [true, 'txt', ''],
    [true, 'a.txt\u0000', ''],
    [['dat', 'txt'], 'a.DAT', '.dat'],
    [['dat'], 'a.txt', ''],
    [[], 'a.txt', ''],
  ])('set to %j stores %j with %j', async (keepExtension, name, extension) => {
    await expect(planFor({ keepExtension }, name)).resolves.toEqual({
      extension,
      contentType: 'application/octet-stream',
    });
  });

  it('does not matter where the content shows a type', async () => {
    const keepExtension = ['png', 'txt'];
    await expect(planFor({ keepExtension }, 'a.txt', PNG)).resolves.toEqual({
      extension: '.png',
      contentType: 'image/png',
    });
  });

  it('goes with a type that the application names', async () => {
    const options = { keepExtension: true, detectContentType: () => 'text/csv' };
    await expect(planFor(options, 'a.csv')).resolves.toEqual({
      extension: '.csv',
      contentType: 'text/csv',
    });
  });

  it('is told to a path function', async () => {
    const path = ({ uuid, extension }: WxCloudIncomingFile) => `${uuid}.own.${extension}`;
    await expect(planFor({ keepExtension: true, path }, 'a.txt')).resolves.toMatchObject({
      extension: '.own.txt',
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
  ])('stops the start for %j', keepExtension => {
    expect(() => assertEngineOptions({ keepExtension })).toThrow(
      expect.objectContaining({
        code: 'WX_CLOUD_OPTIONS_INVALID',
        message: expect.stringContaining('keepExtension'),
      }),
    );
  });

  it.each([undefined, true, false, [], ['txt', 'dat', '7z']])('may be %j', keepExtension => {
    expect(() => assertEngineOptions({ keepExtension })).not.toThrow();
  });
});
