import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Agent, type Dispatcher, EnvHttpProxyAgent, ProxyAgent } from 'undici';
import { abortedError } from '../../../lib/operations/deadline.js';
import type { HttpDispatcher } from '../../../lib/options/options.js';
import { neverConnected } from '../../../lib/transport/connection-error.js';
import { type HttpRequestWithBody, HttpTransport } from '../../../lib/transport/http-client.js';
import { until } from '../../support/until.js';
import { failureOf } from '../support/failures.js';
import { afterThisTest } from '../../support/after-test.js';
import { listen, NEVER, serve } from '../support/server.js';

const timeouts = { connectMs: 30_000, headersMs: 30_000, idleMs: 30_000 };
const DROP = (socket: Socket): void => void socket.destroy();

type OnConnect = (socket: Socket, request: IncomingMessage) => void;

/** A proxy that does with every `CONNECT` what a test wants, and how many it got. */
async function startProxy(
  onConnect: OnConnect,
): Promise<{ readonly url: string; readonly connects: readonly string[] }> {
  const connects: string[] = [];
  const server: Server = createServer();
  server.on('connect', (request, socket: Socket) => {
    connects.push(request.url ?? '');
    socket.on('error', () => {});
    onConnect(socket, request);
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, connects };
}

/** Lets a tunnel through. */
const tunnel: OnConnect = (socket, { url = '' }) => {
  const [host = '', port = ''] = url.split(':');
  const upstream = connect(Number(port), host, () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    upstream.pipe(socket).pipe(upstream);
  });
  upstream.on('error', () => {});
};

function own<T extends Dispatcher>(dispatcher: T): T {
  afterThisTest(() => dispatcher.destroy());
  return dispatcher;
}

const proxied = (uri: string): Dispatcher => own(new ProxyAgent(uri));
const proxiedByEnvironment = (uri: string): Dispatcher =>
  own(new EnvHttpProxyAgent({ httpProxy: uri, httpsProxy: uri, noProxy: '' }));

function open(dispatcher: HttpDispatcher, connectMs = timeouts.connectMs): HttpTransport {
  return new HttpTransport({
    timeouts: { ...timeouts, connectMs },
    dispatcher,
    maxConnections: 256,
  });
}

function callOf(origin: string, more: Partial<HttpRequestWithBody> = {}): HttpRequestWithBody {
  return {
    endpoint: 'GET x',
    method: 'GET',
    target: { origin, path: '/' },
    signal: NEVER,
    ...more,
  };
}

async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
  yield Buffer.from('a chunk');
}

/** Takes requests to one origin, and never says a word about them. */
function silentFor(origin: string, dispatcher: Dispatcher): HttpDispatcher {
  const dispatch: Dispatcher['dispatch'] = (options, handler) =>
    options.origin === origin || dispatcher.dispatch(options, handler);
  return { dispatch };
}

describe.each([
  ['ProxyAgent', proxied],
  ['EnvHttpProxyAgent', proxiedByEnvironment],
])('HttpTransport behind a proxy of %s', (_, dispatcherFor) => {
  it.each([
    ['http://api.invalid', {}],
    ['https://api.invalid', {}],
    ['https://api.invalid:8443', {}],
    ['http://api.invalid', { method: 'POST', body: Buffer.from('x') } as const],
    ['https://api.invalid', { method: 'POST', body: chunks() } as const],
  ])('fails after one CONNECT when the proxy drops it, for %s', async (origin, more) => {
    const proxy = await startProxy(DROP);
    const transport = open(dispatcherFor(proxy.url));
    const error = await failureOf(transport.requestBuffered(callOf(origin, more), 100));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
    expect(error.message).toContain('proxy');
    expect(neverConnected(error)).toBe(true);
    expect(proxy.connects).toHaveLength(1);

    // Nothing of the first request is tried again beside the second.
    await failureOf(transport.requestBuffered(callOf('https://another.invalid'), 100));
    expect(proxy.connects).toHaveLength(2);
  });

  it('fails many requests after one CONNECT each', async () => {
    const proxy = await startProxy(DROP);
    const transport = open(dispatcherFor(proxy.url));
    const calls = Array.from({ length: 20 }, () =>
      failureOf(transport.requestBuffered(callOf('https://api.invalid'), 100)),
    );
    await Promise.all(calls);
    expect(proxy.connects.length).toBeLessThanOrEqual(calls.length);
  });

  it('fails with the connect timeout when CONNECT gets no response, and sends nothing', async () => {
    const proxy = await startProxy(() => {});
    let isUnsent = false;
    const onUnsent = (): void => void (isUnsent = true);
    const transport = open(dispatcherFor(proxy.url), 50);
    const error = await failureOf(
      transport.requestBuffered(callOf('https://api.invalid', { onUnsent }), 100),
    );
    expect(error).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase: 'connect' });
    expect(error.message).toContain('timeouts.connectMs');
    expect([isUnsent, neverConnected(error)]).toEqual([true, true]);
  });

  it.each([
    [407, false, "the option token of new ProxyAgent(), such as 'Basic …'."],
    [403, false, 'allows this host'],
    [503, true, 'try again'],
  ])('reports a CONNECT response of %d', async (status, retryable, advice) => {
    const proxy = await startProxy(socket => socket.end(`HTTP/1.1 ${status} No\r\n\r\n`));
    const transport = open(dispatcherFor(proxy.url));
    const error = await failureOf(transport.requestBuffered(callOf('https://api.invalid'), 100));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable });
    expect(error.message).toContain(`${status}`);
    expect(error.message).toContain(advice);
    expect(neverConnected(error)).toBe(true);
    expect(proxy.connects).toHaveLength(1);
  });

  it('succeeds once the proxy is back', async () => {
    const url = await serve((__, response) => response.end('answer'));
    let onConnect = DROP as OnConnect;
    const proxy = await startProxy((socket, request) => onConnect(socket, request));
    const transport = open(dispatcherFor(proxy.url));
    await failureOf(transport.requestBuffered(callOf(url), 100));
    onConnect = tunnel;
    await expect(transport.requestBuffered(callOf(url), 100)).resolves.toMatchObject({
      text: 'answer',
    });
    expect(proxy.connects).toHaveLength(2);
  });
});

describe('neverConnected', () => {
  it('leaves a connection of another dispatcher alone', async () => {
    const proxy = await startProxy(DROP);
    const agent = proxied(proxy.url);
    const other = agent.request({ origin: 'http://other.invalid', path: '/', method: 'GET' });
    other.catch(() => {});
    await failureOf(open(proxied(proxy.url)).requestBuffered(callOf('http://api.invalid'), 9));
    const { length } = proxy.connects;
    await until(() => proxy.connects.length > length + 2);
    expect(proxy.connects.filter(host => host === 'api.invalid:80')).toHaveLength(1);
  });
});

describe('HttpTransport on a dispatcher with its own queue', () => {
  it.each<[string, () => Promise<Dispatcher>]>([
    ['an Agent', async () => own(new Agent({ connections: 1 }))],
    [
      'a ProxyAgent',
      async () => own(new ProxyAgent({ uri: (await startProxy(tunnel)).url, connections: 1 })),
    ],
  ])('lets requests wait longer than the connect timeout: %s', async (_, start) => {
    const responders: (() => void)[] = [];
    const url = await serve((__, response) => responders.push(() => response.end('answer')));
    const transport = open(silentFor('http://silent.invalid', await start()), 500);
    const first = transport.requestBuffered(callOf(url), 100);
    await until(() => responders.length === 1);
    const second = transport.requestBuffered(callOf(url), 100);
    for (let round = 0; round < 3; round += 1) {
      const error = await failureOf(
        transport.requestBuffered(callOf('http://silent.invalid'), 100),
      );
      expect(error).toMatchObject({ phase: 'connect' });
    }
    responders[0]?.();
    await first;
    await until(() => responders.length === 2);
    responders[1]?.();
    await expect(second).resolves.toMatchObject({ text: 'answer' });
  });

  it('aborts a queued request without sending it', async () => {
    const responders: (() => void)[] = [];
    const url = await serve((__, response) => responders.push(() => response.end('answer')));
    const transport = open(own(new Agent({ connections: 1 })));
    const first = transport.requestBuffered(callOf(url), 100);
    await until(() => responders.length === 1);
    const caller = new AbortController();
    const second = failureOf(
      transport.requestBuffered(callOf(url, { signal: caller.signal }), 100),
    );
    const reason = abortedError('GET x', 'left');
    caller.abort(reason);
    expect(await second).toBe(reason);
    responders[0]?.();
    await first;
    const third = transport.requestBuffered(callOf(url), 100);
    await until(() => responders.length === 2);
    responders[1]?.();
    await third;
    expect(responders).toHaveLength(2);
  });
});
