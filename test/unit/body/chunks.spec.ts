import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { readChunks } from '../../../lib/body/chunks.js';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { joinPieces, piecesOf } from '../support/bodies.js';
import { failureOf } from '../support/failures.js';
import { NEVER } from '../support/server.js';

afterEach(() => {
  jest.useRealTimers();
});

const idleMs = 5_000;

/** A source that yields once and then never again. */
function stalling(onReturn = (): void => {}): AsyncIterable<Uint8Array> {
  const first = { done: false, value: Buffer.from('a') };
  const results: Promise<IteratorResult<Uint8Array>>[] = [Promise.resolve(first)];
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => results.shift() ?? new Promise(() => {}),
      return: () => {
        onReturn();
        return new Promise(() => {});
      },
    }),
  };
}

describe('readChunks', () => {
  it.each([
    ['a Node stream', () => Readable.from([Buffer.from('a'), Buffer.from('b')])],
    ['a Node stream of text', () => Readable.from(['a', 'b'])],
    ['a web stream', () => ReadableStream.from([Buffer.from('a'), Buffer.from('b')])],
    ['an async generator', () => piecesOf(new Uint8Array([97]), 'b')],
  ])('reads %s to its end', async (_, open) => {
    const { signal } = new AbortController();
    const pieces = readChunks(open() as AsyncIterable<unknown>, { idleMs, signal });
    await expect(joinPieces(pieces)).resolves.toEqual(Buffer.from('ab'));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('reads text as UTF-8', async () => {
    const pieces = readChunks(piecesOf('中', '🐈'), { idleMs, signal: NEVER });
    expect((await joinPieces(pieces)).toString()).toBe('中🐈');
  });

  it('gives a large piece in parts, so that nobody has to hold a copy of the whole', async () => {
    const large = Buffer.alloc(600_000, 'x');
    const pieces = readChunks(piecesOf(large, 'y'), { idleMs, signal: NEVER });
    const sizes: number[] = [];
    for await (const piece of pieces) sizes.push(piece.byteLength);
    expect(sizes).toEqual([262_144, 262_144, 75_712, 1]);
    const again = readChunks(piecesOf(large, 'y'), { idleMs, signal: NEVER });
    expect((await joinPieces(again)).equals(Buffer.concat([large, Buffer.from('y')]))).toBe(true);
  });

  it('ends between the parts of a large piece when it is aborted, and leaves the source', async () => {
    const caller = new AbortController();
    const stream = Readable.from([Buffer.alloc(600_000)]);
    const pieces = readChunks(stream, { idleMs, signal: caller.signal });
    await pieces.next();
    caller.abort(new Error('enough'));
    await expect(pieces.next()).rejects.toBe(caller.signal.reason);
    await expect(pieces.next()).resolves.toEqual({ done: true, value: undefined });
    expect(stream.destroyed).toBe(true);
  });

  it('takes nothing for the reason of an abort that has not come', async () => {
    const throwing = (): never => {
      throw undefined;
    };
    const source = { [Symbol.asyncIterator]: () => ({ next: throwing }) };
    const error = await failureOf(readChunks(source, { idleMs, signal: NEVER }).next());
    expect(error).toMatchObject({ code: 'WX_CLOUD_BODY_FAILED' });
  });

  it.each([
    ['a number', 7],
    ['an object', { a: 1 }],
    ['undefined', undefined],
    ['null', null],
    ['a list', [1]],
    ['an ArrayBuffer', new ArrayBuffer(3)],
    ['a DataView', new DataView(new ArrayBuffer(3))],
  ])('refuses %s as a piece, and returns the source', async (_, piece) => {
    const returned = jest.fn();
    async function* source(): AsyncGenerator {
      try {
        yield 'first';
        yield piece;
      } finally {
        returned();
      }
    }
    const reading = joinPieces(readChunks(source(), { idleMs, signal: NEVER }));
    await expect(reading).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it('ends with a typed error when the source fails, with the cause', async () => {
    const fault = new Error('disk gone');
    const stream = new Readable({ read: () => {} });
    setImmediate(() => stream.destroy(fault));
    const error = await failureOf(joinPieces(readChunks(stream, { idleMs, signal: NEVER })));
    expect(error).toMatchObject({ code: 'WX_CLOUD_BODY_FAILED' });
    expect(error.cause).toBe(fault);
  });

  it('keeps an error of this package that the source fails with', async () => {
    const own = new WxCloudStorageError({ code: 'WX_CLOUD_FILE_TOO_LARGE', message: 'x' });
    const stream = new Readable({ read: () => {} });
    setImmediate(() => stream.destroy(own));
    await expect(joinPieces(readChunks(stream, { idleMs, signal: NEVER }))).rejects.toBe(own);
  });

  it.each([
    [
      'was destroyed before',
      () => {
        const stream = Readable.from(['a']);
        return stream.destroy();
      },
    ],
    [
      'is closed without an end',
      () => {
        const stream = new Readable({ read: () => {} });
        stream.push('a');
        setImmediate(() => stream.destroy());
        return stream;
      },
    ],
  ])('ends with a typed error when a Node stream %s', async (_, open) => {
    await expect(joinPieces(readChunks(open(), { idleMs, signal: NEVER }))).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
    });
  });

  it('ends with a typed error when a web stream is locked', async () => {
    const stream = ReadableStream.from(['a']);
    stream.getReader();
    const reading = joinPieces(readChunks(stream, { idleMs, signal: NEVER }));
    await expect(reading).rejects.toMatchObject({ name: 'WxCloudStorageError' });
  });

  it.each([
    [
      'throws at once',
      {
        next: () => {
          throw new Error('thrown');
        },
      },
    ],
    ['answers no promise', { next: () => ({ done: false, value: 7 }) }],
    ['answers nothing', { next: () => undefined }],
    ['rejects', { next: () => Promise.reject(new Error('thrown')) }],
    [
      'yields nonsense, and whose return answers no promise',
      { next: () => Promise.resolve({ value: 7 }), return: () => ({ done: true }) },
    ],
    [
      'yields nonsense, and whose return throws',
      {
        next: () => Promise.resolve({ value: 7 }),
        return: () => {
          throw new Error('return');
        },
      },
    ],
  ])('ends with a typed error and no timer when an iterator %s', async (_, iterator) => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    const { signal } = new AbortController();
    const source = { [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<unknown>;
    const error = await failureOf(joinPieces(readChunks(source, { idleMs, signal })));
    expect(error).toMatchObject({ name: 'WxCloudStorageError' });
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('times a stalled source out, returns it without waiting, and lets go of the signal', async () => {
    const onReturn = jest.fn();
    const { signal } = new AbortController();
    const reading = joinPieces(readChunks(stalling(onReturn), { idleMs: 20, signal }));
    await expect(reading).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_STALLED',
    });
    expect(onReturn).toHaveBeenCalledTimes(1);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends with the reason of an abort while the source is stalled', async () => {
    const controller = new AbortController();
    const reason = new Error('gave up');
    const onReturn = jest.fn();
    const context = { idleMs, signal: controller.signal };
    const reading = joinPieces(readChunks(stalling(onReturn), context));
    setImmediate(() => controller.abort(reason));
    await expect(reading).rejects.toBe(reason);
    expect(onReturn).toHaveBeenCalledTimes(1);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('reads nothing when it is aborted already, and destroys the stream', async () => {
    const reason = new Error('before');
    const stream = Readable.from(['a']);
    const context = { idleMs, signal: AbortSignal.abort(reason) };
    await expect(joinPieces(readChunks(stream, context))).rejects.toBe(reason);
    expect(stream.destroyed).toBe(true);
  });

  it.each([
    ['times out', 20, () => {}],
    ['is aborted', idleMs, (controller: AbortController) => controller.abort(new Error('x'))],
  ])('destroys a stalled Node stream when the reading %s', async (_, limitMs, act) => {
    const controller = new AbortController();
    const stream = new Readable({ read: () => {} });
    const context = { idleMs: limitMs, signal: controller.signal };
    const reading = failureOf(joinPieces(readChunks(stream, context)));
    setImmediate(() => act(controller));
    await reading;
    expect(stream.destroyed).toBe(true);
  });

  it('destroys a Node stream that its reader leaves', async () => {
    const stream = Readable.from(['a', 'b', 'c']);
    const pieces = readChunks(stream, { idleMs, signal: NEVER });
    await pieces.next();
    await pieces.return();
    expect(stream.destroyed).toBe(true);
  });

  it('cancels a web stream that its reader leaves', async () => {
    const cancel = jest.fn<() => void>();
    const stream = new ReadableStream({
      pull: controller => controller.enqueue(Buffer.from('a')),
      cancel,
    });
    const pieces = readChunks(stream, { idleMs, signal: NEVER });
    await pieces.next();
    await pieces.return();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  it('takes a reader that is slower than a piece may be for no stall', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    const pieces = readChunks(piecesOf('a', 'b'), { idleMs: 100, signal: NEVER });
    await pieces.next();
    jest.advanceTimersByTime(1_000);
    await expect(joinPieces(pieces)).resolves.toEqual(Buffer.from('b'));
  });

  it('never takes an abort between two pieces for the end', async () => {
    const controller = new AbortController();
    const reason = new Error('between');
    const pieces = readChunks(piecesOf('a', 'b'), { idleMs, signal: controller.signal });
    await pieces.next();
    controller.abort(reason);
    await expect(pieces.next()).rejects.toBe(reason);
    await expect(pieces.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('lets whoever waits for a piece go when the reading is left', async () => {
    const onReturn = jest.fn();
    const pieces = readChunks(stalling(onReturn), { idleMs, signal: NEVER });
    await pieces.next();
    const waiting = pieces.next();
    await pieces.return();
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    expect(onReturn).toHaveBeenCalledTimes(1);
  });

  it('opens no source that is not read', async () => {
    const open = jest.fn(() => ({ next: () => new Promise<never>(() => {}) }));
    const source = { [Symbol.asyncIterator]: open };
    await readChunks(source, { idleMs, signal: NEVER }).return();
    expect(open).not.toHaveBeenCalled();
  });

  it('counts the idle time anew for every piece', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    async function* slow(): AsyncGenerator<string> {
      for (const piece of ['a', 'b', 'c']) {
        jest.advanceTimersByTime(80);
        yield piece;
      }
    }
    const pieces = readChunks(slow(), { idleMs: 100, signal: NEVER });
    await expect(joinPieces(pieces)).resolves.toEqual(Buffer.from('abc'));
    expect(jest.getTimerCount()).toBe(0);
  });
});
