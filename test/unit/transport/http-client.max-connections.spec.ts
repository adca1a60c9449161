import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Agent } from 'undici';
import { abortedError, startDeadline } from '../../../lib/operations/deadline.js';
import { type HttpRequestWithBody, HttpTransport } from '../../../lib/transport/http-client.js';
import { until } from '../../support/until.js';
import { failureOf } from '../support/failures.js';
import { afterThisTest } from '../../support/after-test.js';
import { listen, NEVER, openTransport } from '../support/server.js';

const UPLOADS = 700;
const timeouts = { connectMs: 30_000, headersMs: 30_000, idleMs: 30_000 };

interface CountingServer {
  readonly url: string;
  /** The most connections that were open at the same time. */
  readonly peak: () => number;
}

async function startCounting(listener: RequestListener): Promise<CountingServer> {
  const open = new Set<Socket>();
  let peak = 0;
  const server = createServer(listener);
  server.on('connection', socket => {
    open.add(socket);
    peak = Math.max(peak, open.size);
    socket.once('close', () => open.delete(socket));
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, peak: () => peak };
}

function upload(origin: string, more: Partial<HttpRequestWithBody> = {}): HttpRequestWithBody {
  const body = Buffer.from('content');
  const target = { origin, path: '/upload' };
  return {
    endpoint: 'POST object',
    method: 'POST',
    lane: 'upload',
    target,
    body,
    signal: NEVER,
    ...more,
  };
}

/** Responses at once, but for some paths. */
function respondUnless(
  routes: Record<string, (response: ServerResponse) => unknown>,
): RequestListener {
  return ({ url = '' }, response) => void (routes[url] ?? (() => response.end('answer')))(response);
}

function transportOn(kind: string, maxConnections: number): HttpTransport {
  if (kind === 'its own agent') return openTransport({}, maxConnections);
  const dispatcher = new Agent();
  afterThisTest(() => dispatcher.destroy());
  return new HttpTransport({ timeouts, dispatcher, maxConnections });
}

describe.each(['its own agent', 'a given dispatcher'])('HttpTransport on %s', kind => {
  it(`queues ${UPLOADS} uploads for the connections that there may be, and sends all of them`, async () => {
    const held: (() => void)[] = [];
    const server = await startCounting((_, response) => held.push(() => response.end('stored')));
    const transport = transportOn(kind, 16);
    const uploads = Array.from({ length: UPLOADS }, () =>
      transport.requestBuffered(upload(server.url), 100),
    );
    const isOver = Promise.all(uploads).then(() => true);
    await until(() => held.length === 12);
    const respondToAll = setInterval(() => held.splice(0).forEach(respond => respond()), 0);
    afterThisTest(() => clearInterval(respondToAll));
    await expect(isOver).resolves.toBe(true);
    expect(server.peak()).toBeLessThanOrEqual(16);
  });

  it('serves API calls and downloads while uploads are slow', async () => {
    const stalled: unknown[] = [];
    const server = await startCounting(
      respondUnless({ '/upload': response => stalled.push(response) }),
    );
    const transport = transportOn(kind, 4);
    const ends = new AbortController();
    const uploads = Array.from({ length: 20 }, () =>
      failureOf(transport.requestBuffered(upload(server.url, { signal: ends.signal }), 100)),
    );
    await until(() => stalled.length === 2);
    const target = { origin: server.url, path: '/' };
    const call = { endpoint: 'x', method: 'GET', target, signal: NEVER } as const;
    for (let round = 0; round < 5; round += 1) {
      await expect(transport.requestBuffered(call, 100)).resolves.toMatchObject({ text: 'answer' });
      const response = await transport.requestStream(call);
      await expect(response.readText(100)).resolves.toBe('answer');
    }
    expect(stalled).toHaveLength(2);
    expect(server.peak()).toBeLessThanOrEqual(4);
    ends.abort(abortedError('POST object', 'left'));
    await Promise.all(uploads);
  });

  it('marks a request aborted in the queue as never sent', async () => {
    const stalled: unknown[] = [];
    const server = await startCounting((_, response) => stalled.push(response));
    const transport = transportOn(kind, 1);
    const first = new AbortController();
    const running = failureOf(
      transport.requestBuffered(upload(server.url, { signal: first.signal }), 100),
    );
    await until(() => stalled.length === 1);
    let unsent = 0;
    const onUnsent = (): void => void (unsent += 1);
    const deadline = startDeadline('upload', 20);
    const queued = failureOf(
      transport.requestBuffered(upload(server.url, { signal: deadline.signal, onUnsent }), 100),
    );
    expect(await queued).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase: 'total' });
    expect(unsent).toBe(1);
    const reason = abortedError('POST object', 'left');
    first.abort(reason);
    expect(await running).toBe(reason);
    expect(stalled).toHaveLength(1);
    const last = transport.requestBuffered(upload(server.url), 100);
    await until(() => stalled.length === 2);
    await transport.close();
    last.catch(() => {});
  });

  it('frees the connection of a response that was discarded, broken or cut', async () => {
    const server = await startCounting(
      respondUnless({
        '/breaks': response => response.write('x', () => response.destroy()),
        '/long': response => response.end(Buffer.alloc(1_000_000)),
      }),
    );
    const transport = transportOn(kind, 1);
    const call = (path: string): HttpRequestWithBody => ({
      endpoint: 'x',
      method: 'GET',
      target: { origin: server.url, path },
      signal: NEVER,
    });
    (await transport.requestStream(call('/long'))).discard();
    await failureOf(transport.requestBuffered(call('/breaks'), 100));
    await (await transport.requestStream(call('/long'))).readBytes(10);
    await transport.requestBuffered(call('/long'), 10);
    const broken = await transport.requestStream(call('/breaks'));
    await failureOf(broken.readText(10));
    // Come whole, and never read.
    await transport.requestStream(call('/'));
    await expect(transport.requestBuffered(call('/'), 100)).resolves.toMatchObject({
      text: 'answer',
    });
  });
});

describe('HttpTransport with a request aborted while connecting', () => {
  it('keeps the slot until the connection is open or has failed', async () => {
    const stalled: unknown[] = [];
    const server = await startCounting((_, response) => stalled.push(response.end('answer')));
    const transport = openTransport({}, 2);
    await transport.prepare();
    const calls = Array.from({ length: 30 }, () => {
      const caller = new AbortController();
      const failed = failureOf(
        transport.requestBuffered(upload(server.url, { signal: caller.signal }), 100),
      );
      caller.abort(abortedError('POST object', 'left'));
      return failed;
    });
    await Promise.all(calls);
    await expect(transport.requestBuffered(upload(server.url), 100)).resolves.toMatchObject({
      text: 'answer',
    });
    expect(server.peak()).toBeLessThanOrEqual(2);
  });
});
