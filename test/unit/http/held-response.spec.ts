import { once } from 'node:events';
import { createServer, type RequestListener, type Server, ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { PassThrough, Readable, Stream, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryBudget, startMemoryUse } from '../../../lib/body/memory-budget.js';
import {
  holdResponse,
  isHeldWhole,
  isWrittenWhole,
  watchResponse,
} from '../../../lib/http/held-response.js';
import { RequestMemory } from '../../../lib/http/refused-request.js';
import { compress } from '../../support/compress.js';
import { until } from '../../support/until.js';

const CHUNK = 'x'.repeat(64_000);

let server: Server;
let socket: Socket;
let received: Buffer;
let commit: { resolve(): void; reject(error: unknown): void };
let isDue: boolean;
let memory: { usedBytes: number };
const abandon = jest.fn();

/** Holds a response back until the test commits. */
function hold(response: ServerResponse): void {
  const committing = new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      isDue = false;
      resolve();
    };
    commit = { resolve: settle, reject };
  });
  abandon.mockImplementation(() => commit.reject(new Error('abandoned')));
  holdResponse(response, {
    memory: new RequestMemory(new MemoryBudget(1_000_000, memory as never)),
    isDue: () => isDue,
    commit: () => committing,
    abandon,
    describeFailure: error => ({ status: 503, text: (error as Error).message }),
  });
  watchResponse(response);
}

/** Sends requests to a server of this listener, one behind the other on one connection. */
async function send(listener: RequestListener, count = 1): Promise<void> {
  server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('data', data => (received = Buffer.concat([received, data])));
  socket.on('error', () => {});
  const paths = Array.from({ length: count }, (_, index) => `/${index}`);
  const last = count - 1;
  socket.write(
    paths
      .map((path, index) => {
        const connection = ['keep-alive', 'close'][Number(index === last)];
        return `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: ${connection}\r\n\r\n`;
      })
      .join(''),
  );
}

/** Everything received until the connection was closed. */
const readAll = async (): Promise<string> => {
  if (!socket.closed) await new Promise(resolve => socket.once('close', resolve));
  return received.toString('latin1');
};

async function* forever(): AsyncGenerator<string> {
  for (;;) yield 'a chunk;';
}

/** Writes as the documentation of Node shows it. */
async function writeAll(chunks: AsyncIterable<string>, response: ServerResponse): Promise<void> {
  for await (const chunk of chunks) {
    response.write(chunk);
    while (response.writableNeedDrain) await once(response, 'drain');
  }
}

async function* iterate(chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks;
}

/** The content of a response in chunks. */
function dechunk(text: string): string {
  const parts: string[] = [];
  let at = text.indexOf('\r\n\r\n') + 4;
  for (;;) {
    const end = text.indexOf('\r\n', at);
    const bytes = Number.parseInt(text.slice(at, end), 16);
    parts.push(text.slice(end + 2, end + 2 + bytes));
    at = end + 2 + bytes + 2;
    if (bytes === 0) return parts.join('');
  }
}

beforeEach(() => {
  received = Buffer.alloc(0);
  isDue = true;
  memory = startMemoryUse();
  abandon.mockReset();
});
afterEach(async () => {
  socket.destroy();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});

describe('holdResponse', () => {
  it('sends what was held, in its order, once the commit succeeds', async () => {
    const states: boolean[] = [];
    await send((_, held) => {
      hold(held);
      held.writeHead(201, { 'x-own': '1' });
      held.write('one,');
      held.end('two');
      states.push(held.writableEnded, isWrittenWhole(held), isHeldWhole(held));
      // Without effect, as after a head that was sent.
      Object.assign(held, { statusCode: 500, statusMessage: 'Too late' });
      commit.resolve();
    });
    expect(await readAll()).toMatch(/^HTTP\/1.1 201 Created\r\nx-own: 1\r\n[^]*one,[^]*two/);
    expect(states).toEqual([true, false, true]);
    expect(memory.usedBytes).toBe(0);
  });

  it('lets the responses of later requests wait behind', async () => {
    const answer: RequestListener[] = [
      (_, held) => {
        hold(held);
        held.end('the first answer');
      },
      (_, next) => {
        next.end('the second answer');
        commit.resolve();
      },
    ];
    await send((request, held) => answer.shift()?.(request, held), 2);
    expect(await readAll()).toMatch(/the first answer[^]*the second answer/);
  });

  it('shows that a writer has to wait, until it may go on', async () => {
    const states: unknown[] = [];
    await send((_, held) => {
      hold(held);
      const note = (): unknown => states.push([held.writableNeedDrain, held.writableLength]);
      held.flushHeaders();
      note();
      held.write('one,');
      note();
      held.once('drain', () => {
        note();
        held.end('two');
      });
      commit.resolve();
    });
    expect(await readAll()).toMatch(/one,[^]*two/);
    expect(states.slice(0, 2)).toEqual([
      [false, 0],
      [true, 4],
    ]);
    expect(states[2]).toEqual([false, expect.any(Number)]);
  });

  it('passes a flush on in its place, as of a compression', async () => {
    const calls: string[] = [];
    await send((_, held) => {
      const { write, end } = held;
      Object.assign(held, {
        write: (chunk: string) => {
          calls.push(chunk);
          return Reflect.apply(write, held, [chunk]);
        },
        end: () => {
          calls.push('end');
          return Reflect.apply(end, held, []);
        },
        flush: () => void calls.push('flush'),
      });
      hold(held);
      const { flush } = held as unknown as { flush(): void };
      held.write('one');
      flush();
      held.write('two');
      flush();
      held.end();
      expect(calls).toEqual([]);
      commit.resolve();
    });
    await readAll();
    expect(calls).toEqual(['one', 'flush', 'two', 'flush', 'end']);
  });

  it('has the reason phrase of its time', async () => {
    await send((_, held) => {
      hold(held);
      held.statusMessage = 'Stored';
      held.end('success');
      held.statusMessage = 'Too late';
      commit.resolve();
    });
    expect(await readAll()).toMatch(/^HTTP\/1.1 200 Stored\r\n/);
  });

  it.each(['success', 'failure'])(
    'leaves what others put on top meanwhile, before a %s',
    async outcome => {
      const seen: unknown[] = [];
      const settle = { success: () => commit.resolve(), failure: () => commit.reject(new Error()) };
      await send((_, held) => {
        hold(held);
        held.end('content');
        const { setHeader, removeHeader } = held;
        Object.assign(held, {
          setHeader: (...given: unknown[]) => Reflect.apply(setHeader, held, given),
          removeHeader: (...given: unknown[]) => Reflect.apply(removeHeader, held, given),
        });
        const shown = Object.getOwnPropertyDescriptor(held, 'headersSent');
        const get = (): unknown => shown?.get?.call(held);
        Object.defineProperty(held, 'headersSent', { get, configurable: true });
        held.once('close', () => {
          const left = Object.getOwnPropertyDescriptor(held, 'headersSent');
          seen.push(left?.get === get, held.headersSent);
        });
        settle[outcome as keyof typeof settle]();
      });
      expect(await readAll()).toMatch(/^HTTP\/1.1 (?:200|503) /);
      expect(seen).toEqual([true, true]);
    },
  );

  it('keeps the properties that the response of a test harness has', async () => {
    const seen: unknown[] = [];
    await send((_, response) => {
      const value = false;
      Object.defineProperty(response, 'headersSent', { value, writable: true, configurable: true });
      hold(response);
      response.end();
      seen.push(response.headersSent);
      response.once('finish', () => {
        seen.push(response.headersSent);
        Object.assign(response, { headersSent: true });
        seen.push(response.headersSent);
      });
      commit.resolve();
    });
    await readAll();
    expect(seen).toEqual([true, false, true]);
  });

  it('changes nothing that other responses have as well', async () => {
    const inherited = {
      set writableNeedDrain(value: unknown) {
        Reflect.set(this, 'seen', value);
      },
    };
    const prototypes = [inherited, {}].map(base =>
      Object.setPrototypeOf(base, ServerResponse.prototype),
    );
    await send((_, response) => {
      hold(response);
      response.end();
      for (const prototype of prototypes) {
        Object.setPrototypeOf(response, prototype as object);
        Reflect.set(response, 'writableNeedDrain', true);
        Reflect.set(response, 'headersSent', true);
      }
      commit.resolve();
    });
    await readAll();
    expect(prototypes.map(Object.keys)).toEqual([['writableNeedDrain'], []]);
  });

  it('lets hints pass', async () => {
    await send((_, held) => {
      hold(held);
      held.end('content');
      held.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' }, () => commit.resolve());
    });
    expect(await readAll()).toMatch(/^HTTP\/1.1 103 [^]*HTTP\/1.1 200 OK[^]*content/);
  });

  it('sends trailers', async () => {
    await send((_, held) => {
      hold(held);
      held.writeHead(200, { trailer: 'x-sum' });
      held.write('content');
      held.addTrailers({ 'x-sum': '7' });
      held.end();
      commit.resolve();
    });
    expect(await readAll()).toMatch(/content\r\n0\r\nx-sum: 7\r\n/);
  });

  it('stops a stream, and lets it go on after the commit', async () => {
    const chunks = Array.from({ length: 100 }, () => CHUNK);
    await send((_, held) => {
      hold(held);
      const source = Readable.from(chunks).once('pause', () => commit.resolve());
      source.pipe(held);
    });
    expect((await readAll()).length).toBeGreaterThan(100 * CHUNK.length);
  });

  it('lets a middleware go on that passes content through a stream, as for compression', async () => {
    await send((_, held) => {
      compress(held);
      hold(held);
      Readable.from(Array.from({ length: 100 }, () => 'a chunk;'))
        .once('pause', () => commit.resolve())
        .pipe(held);
    });
    const body = Buffer.from(dechunk(await readAll()), 'latin1');
    expect(gunzipSync(body).toString()).toBe('a chunk;'.repeat(100));
  });

  it('lets a stream go on behind a middleware whose write returns nothing', async () => {
    await send((_, held) => {
      const { write } = held;
      Object.assign(held, { write: (chunk: string) => void Reflect.apply(write, held, [chunk]) });
      hold(held);
      Readable.from(['a', 'b', 'c'])
        .once('pause', () => commit.resolve())
        .pipe(held);
    });
    expect(dechunk(await readAll())).toBe('abc');
  });

  it('lets a middleware go on that was given a listener before anything was written', async () => {
    await send((_, held) => {
      compress(held);
      hold(held);
      const { write } = held;
      const writeAndCommit = (chunk: string): boolean => {
        const mayGoOn = Reflect.apply(write, held, [chunk]);
        commit.resolve();
        return mayGoOn;
      };
      Object.assign(held, { write: writeAndCommit });
      void pipeline(iterate(['one,', 'two,', 'three']), held);
    });
    const body = Buffer.from(dechunk(await readAll()), 'latin1');
    expect(gunzipSync(body).toString()).toBe('one,two,three');
  });

  it('calls each listener of drain once, and none that was removed', async () => {
    const calls: string[] = [];
    await send((_, held) => {
      compress(held);
      hold(held);
      held.addListener('drain', () => calls.push('seen'));
      const removed = (): unknown => calls.push('removed');
      held.on('drain', removed);
      held.off('drain', removed);
      held.on('drain', () => {
        calls.push('hidden');
        held.end();
      });
      held.write('a chunk');
      commit.resolve();
    });
    await readAll();
    expect(calls).toEqual(['seen', 'hidden']);
  });

  it.each([
    ['was held', true, 201, true],
    ['was not held', false, 201, true],
    ['is a failure', false, 422, false],
  ])(
    'knows a response that a middleware ends later, which %s',
    async (_, wait, status, isWhole) => {
      const states: boolean[] = [];
      isDue = wait;
      await send((_request, held) => {
        const { end } = held;
        const endLater = (chunk: string): void =>
          void setImmediate(() => {
            states.push(held.writableEnded, isHeldWhole(held));
            Reflect.apply(end, held, [chunk]);
            states.push(held.writableEnded, isHeldWhole(held));
          });
        Object.assign(held, { end: endLater });
        hold(held);
        held.statusCode = status;
        held.end('content');
        commit.resolve();
      });
      expect(await readAll()).toContain('content');
      expect(states).toEqual([false, isWhole, true, false]);
    },
  );

  it('calls callbacks, and shows when it has ended', async () => {
    const calls: string[] = [];
    await send((_, held) => {
      hold(held);
      held.on('finish', () => calls.push('finish'));
      held.write('one', () => calls.push('written'));
      held.end('two', () => calls.push('ended'));
      calls.push('held');
      commit.resolve();
    });
    await readAll();
    expect(calls.toSorted()).toEqual(['ended', 'finish', 'held', 'written']);
    expect(calls[0]).toBe('held');
  });

  it.each([
    ['a status of a failure', (held: ServerResponse) => held.writeHead(422).end('refused')],
    [
      'a status that was set before',
      (held: ServerResponse) => Object.assign(held, { statusCode: 500 }).end('refused'),
    ],
  ])('does not hold %s', async (_, respond) => {
    await send((_request, held) => {
      hold(held);
      respond(held);
    });
    expect(await readAll()).toContain('refused');
  });

  it('does not hold a success that has nothing to wait for', async () => {
    isDue = false;
    await send((_, held) => {
      hold(held);
      held.end('success');
    });
    expect(await readAll()).toContain('success');
  });
});

describe('a failed commit', () => {
  it('replaces what was held, keeping what all responses have', async () => {
    await send((_, held) => {
      held.setHeader('x-all', 'of a middleware');
      hold(held);
      held.setHeader('x-own', 'of the handler');
      held.setHeader('access-control-allow-origin', '*');
      held.writeHead(201, { 'x-other': 'of the handler', vary: 'origin' }).end('success');
      commit.reject(new Error('lost'));
    });
    const text = await readAll();
    expect(text).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n[^]*\r\n\r\nlost$/);
    expect(text).toContain('x-all: of a middleware');
    expect(text).toContain('access-control-allow-origin: *');
    expect(text).toContain('vary: origin');
    expect(text).not.toContain('of the handler');
    expect(memory.usedBytes).toBe(0);
  });

  it('cuts a response whose beginning was sent before', async () => {
    isDue = false;
    await send((_, held) => {
      hold(held);
      held.write('a sign of life');
      isDue = true;
      held.end('success');
      commit.reject(new Error('lost'));
    });
    expect(await readAll()).not.toContain('success');
  });

  it('does not have the reason phrase of the success', async () => {
    await send((_, held) => {
      hold(held);
      held.statusMessage = 'Stored';
      held.end('success');
      commit.reject(new Error('lost'));
    });
    expect(await readAll()).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n/);
  });

  it('closes the connection, as a handler may work until then', async () => {
    await send((_, held) => {
      hold(held);
      held.end('success');
      commit.reject(new Error('lost'));
    }, 2);
    const text = await readAll();
    expect(text).toMatch(/\r\nconnection: close\r\n/i);
    expect(text.match(/ 503 /g)).toHaveLength(1);
  });

  it.each<[string, (held: ServerResponse) => Promise<unknown>]>([
    ['a generator', held => pipeline(forever(), held)],
    ['a stream', held => pipeline(Readable.from(forever()), held)],
    [
      'a stream of the web',
      held => Readable.toWeb(Readable.from(forever())).pipeTo(Writable.toWeb(held)),
    ],
    ['a loop', held => writeAll(forever(), held)],
  ])('ends %s, with the reason', async (_, write) => {
    let writing: Promise<unknown> = Promise.resolve();
    let isOver = false;
    const over = (): unknown => (isOver = true);
    await send((_request, held) => {
      hold(held);
      writing = write(held).finally(over);
      writing.catch(() => {});
      setImmediate(() => commit.reject(new Error('lost')));
    });
    expect(await readAll()).toMatch(/^HTTP\/1.1 503 [^]*\r\n\r\nlost$/);
    await until(() => isOver, 'the end of the writer', 5);
    await expect(writing).rejects.toThrow('lost');
  });

  it.each<[string, (held: ServerResponse) => void]>([
    [
      'a stream of the old kind',
      held => {
        const source = Object.assign(new Stream(), { readable: true, pause() {}, resume() {} });
        source.pipe(held);
        source.emit('data', 'success');
      },
    ],
    [
      'a listener that throws',
      held => {
        held.on('error', error => {
          throw error;
        });
        held.write('success');
      },
    ],
    [
      'a stream that cannot be destroyed',
      held => {
        const source = new PassThrough();
        source.destroy = () => {
          throw new Error('cannot');
        };
        source.pipe(held);
        source.write('success');
      },
    ],
  ])('survives %s', async (_, write) => {
    await send((_request, held) => {
      hold(held);
      write(held);
      setImmediate(() => commit.reject(new Error('lost')));
    });
    expect(await readAll()).toMatch(/^HTTP\/1.1 503 [^]*\r\n\r\nlost$/);
  });

  it('tells no listener from before the handler', async () => {
    const errors: unknown[] = [];
    await send((_, held) => {
      held.on('error', error => errors.push(error));
      hold(held);
      held.end('success');
      commit.reject(new Error('lost'));
    });
    expect(await readAll()).toMatch(/\r\n\r\nlost$/);
    expect(errors).toEqual([]);
  });

  it('ends the streams of the handler, whose later calls have no effect', async () => {
    const source = new PassThrough();
    const errors: unknown[] = [];
    await send((_, held) => {
      hold(held);
      held.on('error', error => errors.push(error));
      source.pipe(held);
      held.write('one', error => errors.push((error as Error).message));
      held.on('finish', () => {
        held.write('two', error => errors.push((error as { code?: string }).code));
        held.end('three');
      });
      commit.reject(new Error('lost'));
    });
    expect(await readAll()).toMatch(/\r\n\r\nlost$/);
    await until(() => source.destroyed, 'the end of the stream');
    await until(() => errors.length === 3, 'the errors');
    expect(errors).toEqual(['lost', new Error('lost'), 'ERR_STREAM_DESTROYED']);
  });

  it('is caused by a handler that writes on without waiting', async () => {
    await send((_, held) => {
      hold(held);
      const results = Array.from({ length: 100 }, () => held.write(CHUNK));
      expect(results).not.toContain(true);
    });
    const text = await readAll();
    expect(text).toMatch(/^HTTP\/1.1 503 /);
    expect(text).toContain('upload.memoryBudgetBytes');
    expect(abandon).toHaveBeenCalledTimes(1);
    expect(memory.usedBytes).toBe(0);
  });

  it('releases what was held when the client leaves', async () => {
    await send((_, held) => {
      hold(held);
      held.end(CHUNK);
      socket.destroy();
    });
    await until(() => socket.destroyed, 'the response');
    await until(() => memory.usedBytes === 0, 'the release');
    commit.resolve();
    expect(received.byteLength).toBe(0);
  });
});

describe('a middleware that fails', () => {
  const fail = (): never => {
    throw new Error('of a middleware');
  };
  const outcomes = [
    ['a success', (): unknown => setImmediate(() => commit.resolve())],
    ['a failure', (): unknown => setImmediate(() => commit.reject(new Error('lost')))],
  ] as const;
  const methods = ['writeHead', 'end', 'setHeader', 'destroy'] as const;
  const rows = outcomes.flatMap(([outcome, settle]) =>
    methods.map(name => [name, outcome, settle] as const),
  );

  it.each(rows)('does not stop the process, in %s of %s', async (name, _, settle) => {
    await send((_request, held) => {
      Object.assign(held, { [name]: fail, end: fail });
      hold(held);
      held.write('content');
      held.end();
      settle();
    });
    expect(await readAll()).not.toMatch(/content\r\n0\r\n/);
  });

  it('undoes the commit when nothing was sent', async () => {
    await send((_request, held) => {
      Object.assign(held, { writeHead: fail, end: fail });
      hold(held);
      held.end('content');
      commit.resolve();
    });
    expect(await readAll()).toBe('');
    expect(abandon).toHaveBeenCalledTimes(1);
  });

  it('changes nothing once it has sent a success', async () => {
    await send((_request, held) => {
      const { end } = held;
      const endAndFail = (chunk: string): void => {
        Reflect.apply(end, held, [chunk]);
        fail();
      };
      Object.assign(held, { end: endAndFail });
      hold(held);
      held.end('content');
      commit.resolve();
    });
    expect(await readAll()).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*content/);
    expect(abandon).not.toHaveBeenCalled();
  });

  it('may be a listener, of which Node would end the process', async () => {
    await send((_request, held) => {
      hold(held);
      held.once('drain', fail);
      held.write('content');
      commit.resolve();
    });
    await readAll();
    expect(abandon).not.toHaveBeenCalled();
  });
});
