import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer as readWhole } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import {
  detectContentType,
  MemoryBudget,
  openUploadBody,
  startMemoryUse,
} from '../../../lib/body/index.js';
import { FileHeads } from '../../../lib/http/file-heads.js';
import { PNG } from '../../support/forms.js';
import { setUpBody } from '../support/bodies.js';

const CONTENT_ELSEWHERE = expect.objectContaining({
  code: 'WX_CLOUD_ARGUMENT_INVALID',
  message: expect.stringContaining("downloadBuffer('cloud://a')"),
});

type Uploaded = { fileId: string; buffer: Buffer };

function makeHeads(budgetBytes = 1_000_000) {
  const use = startMemoryUse();
  return { use, heads: new FileHeads(new MemoryBudget(budgetBytes, use)) };
}

function makeFile(head: Uint8Array = PNG) {
  const { heads, use } = makeHeads();
  heads.keep('cloud://a', heads.copy(head));
  const file = { fileId: 'cloud://a' } as Uploaded;
  heads.showOn(file);
  return { file, heads, use };
}

describe("a stored file's buffer", () => {
  it('tells the type to whoever detects it', async () => {
    const { buffer } = makeFile().file;
    expect(buffer).toBeInstanceOf(Uint8Array);
    expect(await detectContentType(buffer)).toMatchObject({ contentType: 'image/png' });
    expect(await buffer).toBe(await buffer);
  });

  it.each<[string, (buffer: Buffer) => unknown]>([
    ['written to a file', buffer => writeFile('/dev/null', buffer)],
    ['uploaded', buffer => openUploadBody(buffer, setUpBody().context)],
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

  it('is not seen by whoever lists, copies or prints the file', () => {
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

  it('tells nothing once the request has ended', () => {
    const { file, heads } = makeFile();
    heads.release();
    expect(file.buffer).toHaveLength(0);
  });

  it('is given to no other object', () => {
    const { heads } = makeFile();
    const others = [{ fileId: 'cloud://b' }, { name: 'a' }, { fileId: 'cloud://a', buffer: 1 }];
    for (const other of others) heads.showOn(other);
    expect(others.map(other => Object.getOwnPropertyDescriptor(other, 'buffer')?.get)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('FileHeads', () => {
  it('keeps a copy', () => {
    const { heads } = makeHeads();
    const bytes = Buffer.from('abc');
    const head = heads.copy(bytes);
    bytes.fill(0);
    expect(Buffer.from(head).toString()).toBe('abc');
    expect(head.buffer.byteLength).toBe(3);
  });

  it('counts what it keeps, and gives it back', () => {
    const { heads, use } = makeHeads(0);
    heads.copy(Buffer.alloc(4_100));
    heads.copy(Buffer.alloc(4_100));
    expect(use.usedBytes).toBe(8_200);
    heads.release();
    expect(use.usedBytes).toBe(0);
  });

  it('refuses many files of one request where there is no memory', () => {
    const { heads, use } = makeHeads(65_536);
    const copyMany = (): void => {
      for (let count = 0; count < 16; count += 1) heads.copy(Buffer.alloc(4_100));
    };
    expect(copyMany).toThrow(expect.objectContaining({ code: 'WX_CLOUD_CAPACITY_EXCEEDED' }));
    expect(use.usedBytes).toBe(15 * 4_100);
  });

  it('shows a buffer on the objects that a parser makes later, in any shape', () => {
    const { heads } = makeFile();
    const request: { file?: unknown; files?: unknown } = {};
    heads.showOnFilesOf(request);
    heads.showOnFilesOf(request);
    const shapes = [0, 1, 2, 3].map(() => ({ fileId: 'cloud://a' }));
    const [one, listed, grouped, unread] = shapes as [object, object, object, object];
    request.file = one;
    expect(request.file).toBe(one);
    for (const files of [[listed], { photo: [grouped], none: [] }, null, 'text', () => {}]) {
      request.files = files;
      expect(request.files).toBe(files);
    }
    expect([one, listed, grouped, unread].map(file => 'buffer' in file)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
