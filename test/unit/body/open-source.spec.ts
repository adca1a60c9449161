import { mkdirSync, openAsBlob, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { describe, expect, it, jest } from '@jest/globals';
import { openSource, type WxCloudUploadSource } from '../../../lib/body/open-source.js';
import { until } from '../../support/until.js';
import {
  failFileHandles,
  leftIn,
  makeFolder,
  openBody,
  openInput,
  chunksOf,
  readAll,
  setUpBody,
} from '../support/bodies.js';
import { failureOf } from '../support/failures.js';
import { NEVER } from '../support/server.js';

const TEXT = '内容 content 🐈';
const BYTES = Buffer.from(TEXT);
const SIZE = BYTES.byteLength;

const kinds: readonly [string, boolean, () => WxCloudUploadSource][] = [
  ['a Buffer', true, () => BYTES],
  ['a Uint8Array', true, () => new Uint8Array(BYTES)],
  ['a part of a larger buffer', true, () => Buffer.concat([BYTES, BYTES]).subarray(0, SIZE)],
  ['a text', true, () => TEXT],
  ['a Blob', true, () => new Blob([BYTES])],
  ['a File', true, () => new File([BYTES], 'a.txt')],
  ['a Node stream', false, () => Readable.from([BYTES.subarray(0, 3), BYTES.subarray(3)])],
  ['a web stream', false, () => ReadableStream.from([BYTES]) as ReadableStream],
  ['an async generator', false, () => chunksOf(BYTES.subarray(0, 1), BYTES.subarray(1))],
];

describe('openSource', () => {
  it.each(kinds)(
    'takes %s of unknown size, readable for any number of tries',
    async (_, __, open) => {
      const setup = setUpBody();
      const body = await openBody(open(), setup.context);
      expect(body).toMatchObject({ size: SIZE, isReplayable: true });
      expect(setup.head()).toEqual(BYTES);
      expect(await readAll(body)).toEqual(BYTES);
      expect(await readAll(body)).toEqual(BYTES);
      await body.dispose();
      expect(leftIn(setup.folder)).toEqual([]);
      expect(setup.free()).toBe(250);
    },
  );

  it.each(kinds)('takes %s of a declared size', async (_, isReplayable, open) => {
    const setup = setUpBody({ size: SIZE });
    const body = await openBody(open(), setup.context);
    expect(body).toMatchObject({ size: SIZE, isReplayable });
    expect(setup.head()).toEqual(BYTES);
    expect(await readAll(body)).toEqual(BYTES);
    await body.dispose();
    expect(setup.free()).toBe(250);
  });

  it.each(
    kinds.flatMap(([kind, , open]) => [
      [`${kind} too small`, SIZE - 1, open] as const,
      [`${kind} too large`, SIZE + 1, open] as const,
      [`${kind} zero`, 0, open] as const,
    ]),
  )('rejects a declared size that is for %s', async (_, size, open) => {
    const opened = async (): Promise<Buffer> =>
      readAll(await openBody(open(), setUpBody({ size }).context));
    await expect(opened()).rejects.toMatchObject({ code: 'WX_CLOUD_SIZE_MISMATCHED' });
  });

  it.each<[string, () => WxCloudUploadSource]>([
    ['a Buffer', () => Buffer.alloc(0)],
    ['a text', () => ''],
    ['a Blob', () => new Blob([])],
    ['a Node stream', () => Readable.from([])],
    ['a web stream', () => ReadableStream.from([]) as ReadableStream],
    ['an async generator', () => chunksOf()],
  ])('takes %s that is empty, with and without its size', async (_, open) => {
    for (const size of [undefined, 0]) {
      const inspectHead = jest.fn(() => Promise.resolve());
      const body = await openBody(open(), setUpBody({ size, inspectHead }).context);
      expect(body.size).toBe(0);
      expect((await readAll(body)).byteLength).toBe(0);
      expect(inspectHead).toHaveBeenCalledTimes(1);
      await body.dispose();
    }
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['true', true],
    ['an object', {}],
    ['a list of bytes', [1, 2, 3]],
    ['an ArrayBuffer', new ArrayBuffer(3)],
    ['a DataView', new DataView(new ArrayBuffer(3))],
    ['a function', () => BYTES],
    ['a promise of a Buffer', Promise.resolve(BYTES)],
    ['a Map', new Map()],
  ])('rejects %s', async (_, source) => {
    const opening = openBody(source as WxCloudUploadSource, setUpBody().context);
    await expect(opening).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
  });

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53, '5', null, {}])(
    'rejects the declared size %p',
    async size => {
      const stream = Readable.from([BYTES]);
      const opening = openBody(stream, setUpBody({ size: size as number }).context);
      await expect(opening).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
    },
  );

  it.each(
    kinds.flatMap(([kind, , open]) => [
      [`${kind} of unknown size`, undefined, open] as const,
      [`${kind} of known size`, SIZE, open] as const,
    ]),
  )('leaves nothing of %s when the head is refused', async (_, size, open) => {
    const refusal = new Error('refused');
    const source = open();
    const setup = setUpBody({ size, inspectHead: () => Promise.reject(refusal) });
    await expect(openBody(source, setup.context)).rejects.toBe(refusal);
    expect(setup.free()).toBe(250);
    expect(leftIn(setup.folder)).toEqual([]);
  });
});

describe('the head of openSource', () => {
  it.each(kinds)('is released once the rest is read: %s', async (_, __, open) => {
    const { context } = setUpBody();
    const source = await openSource({ source: open(), size: undefined }, context, NEVER);
    expect(Buffer.from(source.head)).toEqual(BYTES);
    await source.complete();
    expect(source.head.byteLength).toBe(0);
    await source.dispose();
  });
});

describe('openSource of a stream with a declared size', () => {
  it('destroys the stream when its head is refused', async () => {
    const stream = new Readable({ read: () => {} });
    stream.push(Buffer.alloc(5_000));
    const inspectHead = (): Promise<void> => Promise.reject(new Error('refused'));
    const setup = setUpBody({ size: 10_000, inspectHead });
    await failureOf(openBody(stream, setup.context));
    expect(stream.destroyed).toBe(true);
  });

  it('destroys the stream when it is disposed before it is sent', async () => {
    const stream = Readable.from([Buffer.alloc(5_000), Buffer.alloc(5_000)]);
    const body = await openBody(stream, setUpBody({ size: 10_000 }).context);
    await body.dispose();
    expect(stream.destroyed).toBe(true);
  });

  it('never yields more bytes than declared', async () => {
    const body = await openBody(
      chunksOf(Buffer.alloc(5_000), Buffer.alloc(5_000)),
      setUpBody({ size: 9_999 }).context,
    );
    const seen: number[] = [];
    const reading = (async () => {
      const chunks = body.open(new AbortController().signal) as AsyncIterable<Uint8Array>;
      for await (const chunk of chunks) seen.push(chunk.byteLength);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'WX_CLOUD_SIZE_MISMATCHED' });
    expect(seen).toEqual([5_000]);
  });

  it('reads only the head before the body is sent', async () => {
    let pulled = 0;
    async function* source(): AsyncGenerator<Uint8Array> {
      for (; pulled < 100; pulled += 1) yield Buffer.alloc(1_000, 'x');
    }
    const setup = setUpBody({ size: 100_000 });
    const body = await openBody(source(), setup.context);
    expect(pulled).toBeLessThanOrEqual(5);
    expect(setup.head()?.byteLength).toBe(4_100);
    expect((await readAll(body)).byteLength).toBe(100_000);
  });

  it('reads every byte of a source that reuses one buffer', async () => {
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const one = Buffer.alloc(1);
      for (let index = 0; index < 50; index += 1) {
        one[0] = index;
        yield one;
      }
    }
    const body = await openBody(reusing(), setUpBody({ size: 50 }).context);
    expect([...(await readAll(body))]).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('yields chunks that stay unchanged when the source reuses one buffer', async () => {
    async function* reusing(): AsyncGenerator<Uint8Array> {
      const buffer = Buffer.alloc(3_000);
      for (const fill of ['a', 'b', 'c', 'd', 'e']) yield buffer.fill(fill);
    }
    const body = await openBody(reusing(), setUpBody({ size: 15_000 }).context);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body.open(NEVER) as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const fills = chunks.map(chunk => [...new Set(chunk)]);
    expect(fills).toEqual([[97], [98], [99], [100], [101]]);
  });

  it('fails when the source fails during sending', async () => {
    async function* source(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(5_000);
      throw new Error('source failed');
    }
    const body = await openBody(source(), setUpBody({ size: 10_000 }).context);
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_BODY_FAILED' });
  });
});

describe('openSource of a local file', () => {
  function makeFile(bytes: Buffer): string {
    const path = join(makeFolder(), '文件.bin');
    writeFileSync(path, bytes);
    return path;
  }

  it.each([0, 1, 4_100, 600_000])('reads a file of %d bytes, anew for every try', async size => {
    const bytes = Buffer.alloc(size, 'abc');
    const path = makeFile(bytes);
    const setup = setUpBody();
    const body = await openInput({ localPath: path }, setup.context);
    expect(body).toMatchObject({ size, isReplayable: true });
    expect(setup.head()?.equals(bytes.subarray(0, 4_100))).toBe(true);
    expect((await readAll(body)).equals(bytes)).toBe(true);
    expect((await readAll(body)).equals(bytes)).toBe(true);
    await body.dispose();
    expect(leftIn(join(path, '..'))).toEqual(['文件.bin']);
  });

  it.each([
    ['shorter', 10],
    ['longer', 20_000],
  ])('fails when the file has become %s', async (_, size) => {
    const path = makeFile(Buffer.alloc(10_000));
    const body = await openInput({ localPath: path }, setUpBody().context);
    truncateSync(path, size);
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_SIZE_MISMATCHED' });
    await until(() => leftIn(join(path, '..')).join() === '文件.bin', 'the file is closed');
  });

  it('fails when the first bytes cannot be read', async () => {
    const path = makeFile(Buffer.alloc(10));
    await failFileHandles('read', 'EIO');
    await expect(openInput({ localPath: path }, setUpBody().context)).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
      cause: { code: 'EIO' },
    });
  });

  it('fails for a Blob whose file has changed', async () => {
    const path = makeFile(Buffer.alloc(10));
    const blob = await openAsBlob(path);
    writeFileSync(path, Buffer.alloc(20));
    await expect(openBody(blob, setUpBody().context)).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
    });
  });

  it('fails when the file has been deleted', async () => {
    const path = makeFile(Buffer.alloc(10));
    const body = await openInput({ localPath: path }, setUpBody().context);
    unlinkSync(path);
    await expect(readAll(body)).rejects.toMatchObject({ code: 'WX_CLOUD_BODY_FAILED' });
  });

  it.each([
    ['does not exist', 'missing'],
    ['is a folder', 'folder'],
    ['is no name at all', '\u0000'],
  ])('fails when the file %s', async (_, name) => {
    const folder = makeFolder();
    mkdirSync(join(folder, 'folder'));
    const opening = openInput({ localPath: `${folder}/${name}` }, setUpBody().context);
    await expect(opening).rejects.toMatchObject({ code: 'WX_CLOUD_BODY_FAILED' });
  });

  it('leaves the file in place when its head is refused', async () => {
    const refusal = new Error('refused');
    const setup = setUpBody({ inspectHead: () => Promise.reject(refusal) });
    const path = makeFile(Buffer.alloc(10));
    await expect(openInput({ localPath: path }, setup.context)).rejects.toBe(refusal);
    expect(leftIn(join(path, '..'))).toEqual(['文件.bin']);
  });
});
