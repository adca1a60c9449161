import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { readChunks } from '../../../lib/body/chunks.js';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import { joinChunks, chunksOf } from '../support/bodies.js';
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
    ['an async generator', () => chunksOf(new Uint8Array([97]), 'b')],
  ])('reads %s to its end', async (_, open) => {
    const { signal } = new AbortController();
    const chunks = readChunks(open() as AsyncIterable<unknown>, idleMs, signal);
    await expect(joinChunks(chunks)).resolves.toEqual(Buffer.from('ab'));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('reads text as UTF-8', async () => {
    const chunks = readChunks(chunksOf('中', '🐈'), idleMs, NEVER);
    expect((await joinChunks(chunks)).toString()).toBe('中🐈');
  });

  it('splits a large chunk, so that no copy of the whole is needed', async () => {
    const large = Buffer.alloc(600_000, 'x');
    const chunks = readChunks(chunksOf(large, 'y'), idleMs, NEVER);
    const sizes: number[] = [];
    for await (const chunk of chunks) sizes.push(chunk.byteLength);
    expect(sizes).toEqual([262_144, 262_144, 75_712, 1]);
    const again = readChunks(chunksOf(large, 'y'), idleMs, NEVER);
    expect((await joinChunks(again)).equals(Buffer.concat([large, Buffer.from('y')]))).toBe(true);
  });

  it('stops between the parts of a large chunk when it is aborted, and closes the source', async () => {
    const caller = new AbortController();
    const stream = Readable.from([Buffer.alloc(600_000)]);
    const chunks = readChunks(stream, idleMs, caller.signal);
    await chunks.next();
    caller.abort(new Error('enough'));
    await expect(chunks.next()).rejects.toBe(caller.signal.reason);
    await expect(chunks.next()).resolves.toEqual({ done: true, value: undefined });
    expect(stream.destroyed).toBe(true);
  });

  it('does not reject with the reason of a signal that is not aborted', async () => {
    const throwing = (): never => {
      throw undefined;
    };
    const source = { [Symbol.asyncIterator]: () => ({ next: throwing }) };
    const error = await failureOf(readChunks(source, idleMs, NEVER).next());
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
  ])('rejects %s as a chunk, and closes the source', async (_, chunk) => {
    const returned = jest.fn();
    async function* source(): AsyncGenerator {
      try {
        yield 'first';
        yield chunk;
      } finally {
        returned();
      }
    }
    const reading = joinChunks(readChunks(source(), idleMs, NEVER));
    await expect(reading).rejects.toMatchObject({ code: 'WX_CLOUD_ARGUMENT_INVALID' });
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it('rejects with a typed error and its cause when the source fails', async () => {
    const fault = new Error('disk gone');
    const stream = new Readable({ read: () => {} });
    setImmediate(() => stream.destroy(fault));
    const error = await failureOf(joinChunks(readChunks(stream, idleMs, NEVER)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_BODY_FAILED' });
    expect(error.cause).toBe(fault);
  });

  it('passes on an error of this package from the source', async () => {
    const own = new WxCloudStorageError({ code: 'WX_CLOUD_FILE_TOO_LARGE', message: 'x' });
    const stream = new Readable({ read: () => {} });
    setImmediate(() => stream.destroy(own));
    await expect(joinChunks(readChunks(stream, idleMs, NEVER))).rejects.toBe(own);
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
  ])('rejects with a typed error when a Node stream %s', async (_, open) => {
    await expect(joinChunks(readChunks(open(), idleMs, NEVER))).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_FAILED',
    });
  });

  it('rejects with a typed error when a web stream is locked', async () => {
    const stream = ReadableStream.from(['a']);
    stream.getReader();
    const reading = joinChunks(readChunks(stream, idleMs, NEVER));
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
    ['returns no promise', { next: () => ({ done: false, value: 7 }) }],
    ['returns nothing', { next: () => undefined }],
    ['rejects', { next: () => Promise.reject(new Error('thrown')) }],
    [
      'yields nonsense, and whose return method returns no promise',
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
  ])('rejects with a typed error and leaves no timer when an iterator %s', async (_, iterator) => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    const { signal } = new AbortController();
    const source = { [Symbol.asyncIterator]: () => iterator } as unknown as AsyncIterable<unknown>;
    const error = await failureOf(joinChunks(readChunks(source, idleMs, signal)));
    expect(error).toMatchObject({ name: 'WxCloudStorageError' });
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('times out a stalled source, closes it without waiting, and removes its abort listener', async () => {
    const onReturn = jest.fn();
    const { signal } = new AbortController();
    const reading = joinChunks(readChunks(stalling(onReturn), 20, signal));
    await expect(reading).rejects.toMatchObject({
      code: 'WX_CLOUD_BODY_STALLED',
    });
    expect(onReturn).toHaveBeenCalledTimes(1);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('rejects with the abort reason while the source is stalled', async () => {
    const controller = new AbortController();
    const reason = new Error('gave up');
    const onReturn = jest.fn();
    const reading = joinChunks(readChunks(stalling(onReturn), idleMs, controller.signal));
    setImmediate(() => controller.abort(reason));
    await expect(reading).rejects.toBe(reason);
    expect(onReturn).toHaveBeenCalledTimes(1);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  it('reads nothing and destroys the stream when the signal is aborted already', async () => {
    const reason = new Error('before');
    const stream = Readable.from(['a']);
    const signal = AbortSignal.abort(reason);
    await expect(joinChunks(readChunks(stream, idleMs, signal))).rejects.toBe(reason);
    expect(stream.destroyed).toBe(true);
  });

  it.each([
    ['times out', 20, () => {}],
    ['is aborted', idleMs, (controller: AbortController) => controller.abort(new Error('x'))],
  ])('destroys a stalled Node stream when the reading %s', async (_, limitMs, act) => {
    const controller = new AbortController();
    const stream = new Readable({ read: () => {} });
    const reading = failureOf(joinChunks(readChunks(stream, limitMs, controller.signal)));
    setImmediate(() => act(controller));
    await reading;
    expect(stream.destroyed).toBe(true);
  });

  it('destroys a Node stream that its reader leaves', async () => {
    const stream = Readable.from(['a', 'b', 'c']);
    const chunks = readChunks(stream, idleMs, NEVER);
    await chunks.next();
    await chunks.return();
    expect(stream.destroyed).toBe(true);
  });

  it('cancels a web stream that its reader leaves', async () => {
    const cancel = jest.fn<() => void>();
    const stream = new ReadableStream({
      pull: controller => controller.enqueue(Buffer.from('a')),
      cancel,
    });
    const chunks = readChunks(stream, idleMs, NEVER);
    await chunks.next();
    await chunks.return();
    expect(cancel).toHaveBeenCalledTimes(1);
  });

  it('does not count a slow reader as a stalled source', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    const chunks = readChunks(chunksOf('a', 'b'), 100, NEVER);
    await chunks.next();
    jest.advanceTimersByTime(1_000);
    await expect(joinChunks(chunks)).resolves.toEqual(Buffer.from('b'));
  });

  it('never takes an abort between two chunks for the end', async () => {
    const controller = new AbortController();
    const reason = new Error('between');
    const chunks = readChunks(chunksOf('a', 'b'), idleMs, controller.signal);
    await chunks.next();
    controller.abort(reason);
    await expect(chunks.next()).rejects.toBe(reason);
    await expect(chunks.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it('ends a pending read when the reader leaves', async () => {
    const onReturn = jest.fn();
    const chunks = readChunks(stalling(onReturn), idleMs, NEVER);
    await chunks.next();
    const waiting = chunks.next();
    await chunks.return();
    await expect(waiting).resolves.toEqual({ done: true, value: undefined });
    expect(onReturn).toHaveBeenCalledTimes(1);
  });

  it('opens no source before the first read', async () => {
    const open = jest.fn(() => ({ next: () => new Promise<never>(() => {}) }));
    const source = { [Symbol.asyncIterator]: open };
    await readChunks(source, idleMs, NEVER).return();
    expect(open).not.toHaveBeenCalled();
  });

  it('restarts the idle time with every chunk', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    async function* slow(): AsyncGenerator<string> {
      for (const chunk of ['a', 'b', 'c']) {
        jest.advanceTimersByTime(80);
        yield chunk;
      }
    }
    const chunks = readChunks(slow(), 100, NEVER);
    await expect(joinChunks(chunks)).resolves.toEqual(Buffer.from('abc'));
    expect(jest.getTimerCount()).toBe(0);
  });
});
