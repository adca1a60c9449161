import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer as readWhole } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { detectContentType } from '../../../../lib/body/content-type.js';
import { MemoryBudget, startMemoryUse } from '../../../../lib/body/memory-budget.js';
import { FileHeads } from '../../../../lib/http/upload/file-heads.js';
import { PNG } from '../../../support/forms.js';
import { openBody, setUpBody } from '../../support/bodies.js';

const CONTENT_ELSEWHERE = expect.objectContaining({
  code: 'WX_CLOUD_ARGUMENT_INVALID',
  message: expect.stringContaining("downloadBuffer('cloud://a')"),
});

type Uploaded = { fileId: string; buffer: Buffer };

function makeHeads(budgetBytes = 1_000_000) {
  const use = startMemoryUse();
  return { use, heads: new FileHeads(new MemoryBudget(budgetBytes, use), async () => {}) };
}

function makeFile(head: Uint8Array = PNG) {
  const { heads, use } = makeHeads();
  const file = { fileId: 'cloud://a' } as Uploaded;
  heads.showOn(file, heads.keep(head));
  return { file, heads, use };
}

describe('the buffer of an uploaded file', () => {
  it('shows type detection the head of the file', async () => {
    const { buffer } = makeFile().file;
    expect(buffer).toBeInstanceOf(Uint8Array);
    expect(await detectContentType(buffer)).toMatchObject({ contentType: 'image/png' });
    expect(await buffer).toBe(await buffer);
  });

  it.each<[string, (buffer: Buffer) => unknown]>([
    ['written to a file', buffer => writeFile('/dev/null', buffer)],
    ['uploaded', buffer => openBody(buffer, setUpBody().context)],
    ['hashed', buffer => createHash('sha256').update(buffer)],
    ['copied', buffer => Buffer.from(buffer)],
    ['copied as an array', buffer => new Uint8Array(buffer)],
    ['joined', buffer => Buffer.concat([buffer])],
    ['sliced', buffer => buffer.slice(0, 3)],
    ['read from its start to its end', buffer => buffer.subarray()],
    ['read beyond its end', buffer => buffer.subarray(0, 65_536)],
    ['iterated', buffer => [...buffer]],
    ['indexed', buffer => buffer[0]],
    ['encoded', buffer => buffer.toString('base64')],
    ['put into a text', buffer => `${buffer}`],
    ['put into JSON', buffer => JSON.stringify({ buffer })],
    ['put into a Blob', buffer => new Blob([buffer as Buffer<ArrayBuffer>])],
    ['taken by its memory', buffer => buffer.buffer],
    ['streamed', buffer => readWhole(Readable.from(buffer))],
  ])('cannot be %s, as it is not the content', async (_, use) => {
    const { buffer } = makeFile().file;
    await expect((async () => use(buffer))()).rejects.toEqual(CONTENT_ELSEWHERE);
  });

  it('does not appear when the file is listed, copied or printed', () => {
    const { file } = makeFile();
    expect(Object.keys(file)).toEqual(['fileId']);
    expect(JSON.stringify({ ...file })).toBe('{"fileId":"cloud://a"}');
    expect(inspect(file)).toBe("{ fileId: 'cloud://a' }");
    expect(inspect(file.buffer)).toBe('Uint8Array {}');
    expect(structuredClone(file)).toEqual({ fileId: 'cloud://a' });
  });

  it('may be replaced by the content', () => {
    const { file } = makeFile();
    file.buffer = PNG;
    expect(file.buffer).toBe(PNG);
  });

  it('is empty once the request has ended', () => {
    const { file, heads } = makeFile();
    heads.release();
    expect(file.buffer).toHaveLength(0);
  });
});

describe('FileHeads', () => {
  it('keeps a copy', () => {
    const { heads } = makeHeads();
    const bytes = Buffer.from('abc');
    const head = heads.keep(bytes);
    bytes.fill(0);
    expect(Buffer.from(head.bytes).toString()).toBe('abc');
    expect(head.bytes.buffer.byteLength).toBe(3);
  });

  it('counts the memory it keeps and releases it', () => {
    const { heads, use } = makeHeads(0);
    heads.keep(Buffer.alloc(4_100));
    heads.keep(Buffer.alloc(4_100));
    expect(use.usedBytes).toBe(8_200);
    heads.release();
    expect(use.usedBytes).toBe(0);
    // Belongs to a file whose type was still being detected.
    expect(heads.keep(PNG).bytes).toHaveLength(0);
    expect(use.usedBytes).toBe(0);
  });

  it('rejects many files of one request when there is no memory', () => {
    const { heads, use } = makeHeads(65_536);
    const copyMany = (): void => {
      for (let count = 0; count < 16; count += 1) heads.keep(Buffer.alloc(4_100));
    };
    expect(copyMany).toThrow(expect.objectContaining({ code: 'WX_CLOUD_CAPACITY_EXCEEDED' }));
    expect(use.usedBytes).toBe(15 * 4_100);
  });

  it('attaches a buffer to the objects that a parser creates later, in any shape', () => {
    const { heads } = makeHeads();
    const request: { file?: unknown; files?: unknown } = {};
    heads.showOnRequest(request, 'cloud://a', heads.keep(PNG));
    heads.showOnRequest(request, 'cloud://b', heads.keep(PNG));
    const [one, listed, grouped] = [
      { fileId: 'cloud://a' },
      { fileId: 'cloud://b' },
      { fileId: 'cloud://b' },
    ] as const;
    const others = [{ fileId: 'cloud://c' }, { name: 'a' }];
    request.file = one;
    expect(request.file).toBe(one);
    for (const files of [
      [listed, ...others],
      { photo: [grouped], none: [] },
      null,
      'x',
      () => {},
    ]) {
      request.files = files;
      expect(request.files).toBe(files);
    }
    const hasBuffer = (file: object): boolean => 'buffer' in file;
    expect([one, listed, grouped].map(hasBuffer)).toEqual([true, true, true]);
    expect(others.map(hasBuffer)).toEqual([false, false]);
  });

  it.each([
    ['equal', PNG, PNG.byteLength],
    ['different', Buffer.from('<!doctype html>'), 0],
  ])('shows only the common head of two files in one place with %s heads', (_, second, length) => {
    const { heads } = makeHeads();
    const request: { file?: Uploaded } = {};
    heads.showOnRequest(request, 'cloud://a', heads.keep(PNG));
    heads.showOnRequest(request, 'cloud://a', heads.keep(second));
    request.file = { fileId: 'cloud://a' } as Uploaded;
    expect(request.file.buffer).toHaveLength(length);
  });
});
