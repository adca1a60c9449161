import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { discardRest } from '../../../lib/multipart/receive-form.js';
import { OperationRegistry } from '../../../lib/operations/operation-registry.js';

const MIB = 1_048_576;

let operations: OperationRegistry;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
  operations = new OperationRegistry(900_000);
});
afterEach(() => void jest.useRealTimers());

function requestWith(parts: Partial<IncomingMessage> = {}): Readable & IncomingMessage {
  const stream = new Readable({ read: () => {} });
  return Object.assign(stream, {
    complete: false,
    httpVersionMajor: 1,
    headers: {},
    ...parts,
  }) as unknown as Readable & IncomingMessage;
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** Returns whether a promise has settled by now. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => (done = true));
  await settle();
  return done;
}

describe('discardRest', () => {
  it('reads a request to its end', async () => {
    const request = requestWith();
    const discarding = discardRest(request, operations);
    request.push(Buffer.alloc(MIB));
    expect(await isDone(discarding)).toBe(false);
    request.push(null);
    await discarding;
    expect(request.readableEnded).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('reads no more than 16 MiB, and leaves no listener', async () => {
    const request = requestWith();
    const listeners = (): number[] =>
      ['data', 'end', 'close', 'error'].map(event => request.listenerCount(event));
    const before = listeners();
    const discarding = discardRest(request, operations);
    for (let count = 0; count < 16; count += 1) request.push(Buffer.alloc(MIB));
    expect(await isDone(discarding)).toBe(false);
    request.push(Buffer.alloc(1));
    await discarding;
    expect(request.isPaused()).toBe(true);
    expect(listeners()).toEqual(before);
  });

  it('reads for 5 seconds at most, even from a client that sends slowly', async () => {
    const request = requestWith();
    const discarding = discardRest(request, operations);
    for (let second = 0; second < 4; second += 1) {
      request.push(Buffer.alloc(1));
      await jest.advanceTimersByTimeAsync(1_000);
    }
    expect(await isDone(discarding)).toBe(false);
    await jest.advanceTimersByTimeAsync(1_000);
    await discarding;
    expect(request.isPaused()).toBe(true);
  });

  it('ends with the connection, of which a request is not told behind its response', async () => {
    const socket = new Socket();
    const discarding = discardRest(requestWith({ socket }), operations);
    expect(await isDone(discarding)).toBe(false);
    socket.destroy();
    await discarding;
    expect(jest.getTimerCount()).toBe(0);
    expect(socket.listenerCount('close')).toBe(0);
  });

  it('ends when the application closes', async () => {
    const discarding = discardRest(requestWith(), operations);
    await operations.close();
    await discarding;
    expect(jest.getTimerCount()).toBe(0);
  });

  it('runs once, however often it is called', async () => {
    const request = requestWith();
    const first = discardRest(request, operations);
    expect(discardRest(request, operations)).toBe(first);
    request.destroy();
    await first;
  });

  it.each([
    ['is complete', requestWith({ complete: true }), 0],
    ['came over HTTP/2', requestWith({ httpVersionMajor: 2 }), 0],
    [
      'announces more than that',
      requestWith({ headers: { 'content-length': String(16 * MIB + 11) } }),
      10,
    ],
  ])('reads nothing of a request that %s', async (_, request, receivedBytes) => {
    await discardRest(request, operations, receivedBytes);
    expect(request.readableFlowing).toBeNull();
  });

  it('reads a large request of which little is left', async () => {
    const headers = { 'content-length': String(100 * MIB) };
    const request = requestWith({ headers });
    const discarding = discardRest(request, operations, 90 * MIB);
    request.push(null);
    await discarding;
    expect(request.readableEnded).toBe(true);
  });
});
