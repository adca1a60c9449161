import { getEventListeners, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { Agent, type Dispatcher, RetryAgent } from 'undici';
import { Agent as Agent6 } from 'undici-6';
import { abortedError } from '../../../lib/operations/deadline.js';
import type { HttpDispatcher } from '../../../lib/options/options.js';
import { type HttpRequest, HttpTransport } from '../../../lib/transport/http-client.js';
import { until } from '../../support/until.js';
import { failureOf } from '../support/failures.js';
import { afterThisTest } from '../../support/after-test.js';
import { NEVER, serve } from '../support/server.js';

const maxConnections = 256;
const timeouts = { connectMs: 5_000, headersMs: 5_000, idleMs: 5_000, totalMs: 5_000 };

/** Checks of options and handlers that undici 8 makes and undici 7 does not. */
const KNOWN_OPTIONS = /^(?:origin|path|method|headers|body|headersTimeout|bodyTimeout)$/;
const NEEDED_METHODS = [
  'onRequestStart',
  'onResponseStart',
  'onResponseData',
  'onResponseEnd',
  'onResponseError',
] as const;

/** A strict dispatcher with `dispatch` alone, like those of undici 8, which Node 20 cannot load. */
function strictDispatcher(agent: Dispatcher): HttpDispatcher {
  const dispatch: Dispatcher['dispatch'] = (options, handler) => {
    const unknown = Object.keys(options).filter(name => !KNOWN_OPTIONS.test(name));
    const missing = NEEDED_METHODS.filter(name => typeof handler[name] !== 'function');
    expect([...unknown, ...missing]).toEqual([]);
    return agent.dispatch(options, handler);
  };
  return { dispatch };
}

function own<T extends { destroy(): Promise<void> }>(dispatcher: T): T {
  afterThisTest(() => dispatcher.destroy());
  return dispatcher;
}

function callOf(origin: string, signal = NEVER): HttpRequest {
  return { endpoint: 'GET x', method: 'GET', target: { origin, path: '/' }, signal };
}

/** Breaks the connection after a quarter; gives the rest when it is asked for. */
function giveInTwoParts(
  content: Buffer,
  { headers: { range } }: IncomingMessage,
  response: ServerResponse,
): void {
  const size = content.byteLength;
  response.setHeader('etag', '"1"');
  if (range === undefined) {
    response.writeHead(200, { 'content-length': size });
    response.write(content.subarray(0, size / 4), () => response.destroy());
    return;
  }
  const start = Number(/\d+/.exec(range));
  response.setHeader('content-range', `bytes ${start}-${size - 1}/${size}`);
  response.writeHead(206, { 'content-length': size - start }).end(content.subarray(start));
}

const fakeController = () => ({
  pause: jest.fn(),
  resume: jest.fn(),
  abort: jest.fn(),
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: [],
  rawTrailers: [],
});

/** A dispatcher that passes a test's events to the handler synchronously, as a connection does. */
function fakeDispatcher(tell: (handler: Dispatcher.DispatchHandler) => void): HttpDispatcher {
  const dispatch: Dispatcher['dispatch'] = (_options, handler) => {
    setImmediate(tell, handler);
    return true;
  };
  return { dispatch };
}

const ways: readonly (readonly [
  string,
  (transport: HttpTransport, url: string, signal?: AbortSignal) => Promise<string>,
])[] = [
  [
    'requestStream',
    async (transport, url, signal) =>
      (await transport.requestStream(callOf(url, signal))).readText(100),
  ],
  [
    'requestBuffered',
    async (transport, url, signal) =>
      (await transport.requestBuffered(callOf(url, signal), 100)).text,
  ],
];

describe.each(ways)('HttpTransport.%s on a dispatcher', (_name, read) => {
  it('uses only options that undici 8 knows, and only dispatch', async () => {
    const url = await serve((_, response) => response.end('answer'));
    const dispatcher = strictDispatcher(own(new Agent()));
    await expect(
      read(new HttpTransport({ timeouts, dispatcher, maxConnections }), url),
    ).resolves.toBe('answer');
  });

  it('fails on a dispatcher of undici 6 with advice', async () => {
    const url = await serve((_, response) => response.end('answer'));
    const dispatcher: HttpDispatcher = own(new Agent6());
    const error = await failureOf(
      read(new HttpTransport({ timeouts, dispatcher, maxConnections }), url),
    );
    expect(error).toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      option: 'dispatcher',
      message: expect.stringContaining('Install undici 7 or 8'),
    });
  });

  it('ends at once when it is aborted while its dispatcher pauses', async () => {
    const controller = fakeController();
    let isStarted = false;
    const dispatcher = fakeDispatcher(handler => {
      handler.onRequestStart?.(controller, {});
      isStarted = true;
    });
    const caller = new AbortController();
    const transport = new HttpTransport({ timeouts, dispatcher, maxConnections });
    const reading = failureOf(read(transport, 'http://x', caller.signal));
    await until(() => isStarted);
    const reason = abortedError('GET x', 'left');
    caller.abort(reason);
    expect(await reading).toBe(reason);
    expect(controller.abort).toHaveBeenCalledWith(reason);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  it('aborts a request that its dispatcher starts after the abort', async () => {
    const [first, second] = [fakeController(), fakeController()];
    let later: (() => void) | undefined;
    const dispatcher = fakeDispatcher(handler => {
      handler.onRequestStart?.(first, {});
      later = () => {
        handler.onResponseStart?.(second, 200, {});
        handler.onResponseData?.(second, Buffer.from('answer'));
      };
    });
    const caller = new AbortController();
    const reading = failureOf(
      read(new HttpTransport({ timeouts, dispatcher, maxConnections }), 'http://x', caller.signal),
    );
    await until(() => later !== undefined);
    caller.abort(abortedError('GET x', 'left'));
    await reading;
    later?.();
    expect(second.abort).toHaveBeenCalledTimes(2);
    expect(second.pause).not.toHaveBeenCalled();
  });

  it('fails when the response ends without headers or with interim ones only', async () => {
    const dispatcher = fakeDispatcher(handler => {
      const controller = fakeController();
      handler.onRequestStart?.(controller, {});
      handler.onResponseStart?.(controller, 103, {});
      handler.onResponseData?.(controller, Buffer.from('answer'));
      handler.onResponseEnd?.(controller, {});
    });
    const error = await failureOf(
      read(new HttpTransport({ timeouts, dispatcher, maxConnections }), 'http://x'),
    );
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
    expect(error.message).toContain('NO_HEAD');
  });

  it('skips interim headers', async () => {
    const url = await serve((_, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('answer');
    });
    const dispatcher = own(new Agent());
    await expect(
      read(new HttpTransport({ timeouts, dispatcher, maxConnections }), url),
    ).resolves.toBe('answer');
  });
});

describe('the body of requestStream', () => {
  it('goes on when a dispatcher resumes it on another connection', async () => {
    const content = Buffer.alloc(2_000_000, 'content');
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      ranges.push(request.headers.range);
      giveInTwoParts(content, request, response);
    });
    const dispatcher = new RetryAgent(own(new Agent()), { minTimeout: 1, throwOnError: false });
    const response = await new HttpTransport({
      timeouts,
      dispatcher,
      maxConnections,
    }).requestStream(callOf(url));
    const chunks: Buffer[] = [];
    // Slowly, so that the connection is paused.
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      await delay(1);
    }
    expect(ranges).toHaveLength(2);
    expect(Buffer.concat(chunks).equals(content)).toBe(true);
  });

  it('pauses and resumes its connection', async () => {
    const [first, second] = [fakeController(), fakeController()];
    const dispatcher = fakeDispatcher(handler => {
      handler.onRequestStart?.(first, {});
      handler.onResponseStart?.(first, 200, {});
      handler.onResponseData?.(second, Buffer.alloc(200_000));
    });
    const { body } = await new HttpTransport({
      timeouts,
      dispatcher,
      maxConnections,
    }).requestStream(callOf('http://x'));
    expect(second.pause).toHaveBeenCalledTimes(1);
    expect(second.resume).not.toHaveBeenCalled();
    body.resume();
    await until(() => second.resume.mock.calls.length > 0);
    expect(first.pause).not.toHaveBeenCalled();
  });

  it('aborts what its dispatcher resumes after the abort', async () => {
    const [first, second] = [fakeController(), fakeController()];
    let later = (): void => {};
    const dispatcher = fakeDispatcher(handler => {
      handler.onRequestStart?.(first, {});
      handler.onResponseStart?.(first, 200, {});
      later = () => handler.onResponseData?.(second, Buffer.alloc(200_000));
    });
    const response = await new HttpTransport({
      timeouts,
      dispatcher,
      maxConnections,
    }).requestStream(callOf('http://x'));
    response.discard();
    await once(response.body, 'close');
    later();
    expect(first.abort).toHaveBeenCalledTimes(1);
    expect(second.abort).toHaveBeenCalledTimes(1);
    expect(second.pause).not.toHaveBeenCalled();
  });

  it('reports an early break to the reader that has just received the headers', async () => {
    const failure = new Error('broken off');
    const dispatcher = fakeDispatcher(handler => {
      const controller = fakeController();
      handler.onRequestStart?.(controller, {});
      handler.onResponseStart?.(controller, 200, {});
      handler.onResponseError?.(controller, failure);
    });
    const { body } = await new HttpTransport({
      timeouts,
      dispatcher,
      maxConnections,
    }).requestStream(callOf('http://x'));
    const failed = new Promise(resolve => body.once('error', resolve));
    await expect(failed).resolves.toBe(failure);
  });
});
