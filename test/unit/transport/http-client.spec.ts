import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import {
  constants,
  createSecureServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { Agent } from 'undici';
import { abortedError, startDeadline } from '../../../lib/operations/deadline.js';
import {
  type HttpRequest,
  type HttpRequestWithBody,
  HttpTransport,
} from '../../../lib/transport/http-client.js';
import { until } from '../../support/until.js';
import { everythingShownBy, failureOf } from '../support/failures.js';
import { afterThisTest, listen, NEVER, openTransport, serve } from '../support/server.js';

type RequestListener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

const SECRET = 'a-s3cret-in-the-address';

function get<T extends Partial<HttpRequestWithBody>>(url: string, call?: T): HttpRequest & T {
  const query = `?access_token=${SECRET}`;
  const common = { endpoint: 'GET x', method: 'GET', secrets: [SECRET], signal: NEVER } as const;
  return { ...common, target: { origin: url, path: `/x${query}` }, ...(call as T) };
}

describe('an answer', () => {
  it.each([200, 204, 301, 404, 500])('with the status %d is passed on', async code => {
    const url = await serve((_, response) => response.writeHead(code).end());
    const answer = await openTransport().requestStream(get(url));
    expect(answer.status).toBe(code);
    await expect(answer.readText(10)).resolves.toBe('');
  });

  it('has headers by name, the first one when there are several', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { ETag: '"1"', 'X-Twice': ['first', 'second'] }).end();
    });
    const answer = await openTransport().requestStream(get(url));
    expect(['etag', 'x-twice', 'x-none'].map(answer.header)).toEqual(['"1"', 'first', undefined]);
    answer.discard();
  });

  it.each([
    [0, ''],
    [3, '中'],
    [4, '中a'],
    [100, '中abc'],
  ])('is read as text up to %d bytes', async (maxBytes, expected) => {
    const url = await serve((_, response) => response.end('中abc'));
    const answer = await openTransport().requestStream(get(url));
    await expect(answer.readText(maxBytes)).resolves.toBe(expected);
  });

  it('that is discarded troubles nobody', async () => {
    const url = await serve((_, response) => response.write('never ends'));
    const answer = await openTransport().requestStream(get(url));
    answer.discard();
    expect(answer.body.destroyed).toBe(true);
  });
});

describe('a failure', () => {
  it('of the connection is typed, retryable and without the address', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise(resolve => server.close(resolve));
    const error = await failureOf(openTransport().requestStream(get(`http://127.0.0.1:${port}`)));
    expect(error).toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
      retryable: true,
      endpoint: 'GET x',
      cause: { code: 'ECONNREFUSED' },
    });
    expect(error.message).toContain('ECONNREFUSED');
    expect(everythingShownBy(error)).not.toContain(SECRET);
  });

  it('is a reset before the head of the answer', async () => {
    const port = await listen(
      createTcpServer(socket => socket.once('data', () => socket.destroy())),
    );
    const error = await failureOf(openTransport().requestStream(get(`http://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
  });

  it('is an answer that is no HTTP', async () => {
    const port = await listen(createTcpServer(socket => socket.end(`SSH-2.0-${SECRET}\r\n\r\n`)));
    const error = await failureOf(openTransport().requestStream(get(`http://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
    expect(everythingShownBy(error)).not.toContain(SECRET);
  });

  it.each(['http://[bad', 'ftp://127.0.0.1', 'nonsense', ''])(
    'is an address that is none, %p, and does not show it',
    async url => {
      const error = await failureOf(openTransport().requestStream(get(url)));
      expect(error).toMatchObject({ name: 'WxCloudStorageError' });
      expect(everythingShownBy(error)).not.toContain(SECRET);
    },
  );

  it('is the timeout of the head', async () => {
    const url = await serve(() => {});
    const error = await failureOf(openTransport({ headersMs: 20 }).requestStream(get(url)));
    expect(error).toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'headers',
      retryable: true,
    });
    expect(error.message).toContain('20 ms');
  });

  it('is the timeout of a body that stalls', async () => {
    const url = await serve((_, response) => response.write('begin'));
    const answer = await openTransport({ idleMs: 20 }).requestStream(get(url));
    const error = await failureOf(answer.readText(100));
    expect(error).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase: 'idle' });
  });

  it('is a body that breaks off', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('begin');
      setImmediate(() => response.destroy());
    });
    const answer = await openTransport().requestStream(get(url));
    await expect(answer.readText(100)).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
  });
});

describe('an abort', () => {
  const operation = 'upload';

  it('before the request sends nothing', async () => {
    const seen = jest.fn();
    const url = await serve(seen);
    const { signal, dispose } = startDeadline({
      operation,
      timeoutMs: 5_000,
      signal: AbortSignal.abort(),
    });
    await expect(openTransport().requestStream(get(url, { signal }))).rejects.toBe(signal.reason);
    dispose();
    expect(seen).not.toHaveBeenCalled();
  });

  it('ends the wait for the head with its reason, and lets go of the signal', async () => {
    const caller = new AbortController();
    const deadline = { operation, timeoutMs: 5_000, signal: caller.signal };
    const { signal, dispose } = startDeadline(deadline);
    const url = await serve(() => caller.abort());
    await expect(openTransport().requestStream(get(url, { signal }))).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    dispose();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends the reading of a body with its reason', async () => {
    const caller = new AbortController();
    const deadline = { operation, timeoutMs: 5_000, signal: caller.signal };
    const { signal, dispose } = startDeadline(deadline);
    const url = await serve((_, response) => response.write('begin'));
    const answer = await openTransport().requestStream(get(url, { signal }));
    const reading = answer.readText(100);
    caller.abort();
    await expect(reading).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    dispose();
  });

  it('ends the reading of a body that has come whole, too', async () => {
    const caller = new AbortController();
    const url = await serve((_, response) => response.end('whole'));
    const answer = await openTransport().requestStream(get(url, { signal: caller.signal }));
    await until(() => answer.body.readableLength === 5);
    caller.abort(abortedError(operation, 'enough'));
    await expect(answer.readText(100)).rejects.toBe(caller.signal.reason);
  });

  it('by the total time is a timeout that no retry repeats', async () => {
    const url = await serve(() => {});
    const { signal } = startDeadline({ operation, timeoutMs: 20 });
    await expect(openTransport().requestStream(get(url, { signal }))).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'total',
      retryable: false,
    });
  });

  it.each<[string, (transport: HttpTransport, call: HttpRequest) => Promise<unknown>]>([
    ['of a request', (transport, call) => transport.requestStream(call)],
    ['of an exchange', (transport, call) => transport.requestBuffered(call, 10)],
  ])('does not wait for the connection %s', async (_, begin) => {
    const caller = new AbortController();
    // Takes the connection, and says nothing to the beginning of TLS.
    const port = await listen(createTcpServer(() => caller.abort(reason)));
    const reason = abortedError(operation, 'left');
    const onUnsent = jest.fn();
    const call = get(`https://127.0.0.1:${port}`, { signal: caller.signal, onUnsent });
    const transport = openTransport({ connectMs: 60_000 });
    await expect(begin(transport, call)).rejects.toBe(reason);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  it('before there is a connection says so, and later sends nothing', async () => {
    const seen = jest.fn();
    const caller = new AbortController();
    const onUnsent = jest.fn();
    const call = get(await serve(seen), { signal: caller.signal, onUnsent });
    const transport = openTransport();
    await transport.prepare();
    const exchange = transport.requestBuffered(call, 10);
    caller.abort(abortedError(operation, 'left'));
    await expect(exchange).rejects.toBe(caller.signal.reason);
    const answered = serve((_, response) => response.end('ok')).then(url =>
      transport.requestBuffered(get(url), 10),
    );
    await expect(answered).resolves.toMatchObject({ text: 'ok' });
    expect(onUnsent).toHaveBeenCalledTimes(1);
    expect(seen).not.toHaveBeenCalled();
  });

  it('of a request that is on its way does not call it unsent', async () => {
    const caller = new AbortController();
    const onUnsent = jest.fn();
    const url = await serve(() => caller.abort(abortedError(operation, 'left')));
    const call = get(url, { signal: caller.signal, onUnsent });
    await failureOf(openTransport().requestBuffered(call, 10));
    expect(onUnsent).not.toHaveBeenCalled();
  });

  it('closes the connection', async () => {
    const caller = new AbortController();
    const closed = new Promise<string>(resolve => {
      void serve(request => {
        request.socket.on('close', () => resolve('closed'));
        caller.abort(new Error('gave up'));
      }).then(url => failureOf(openTransport().requestStream(get(url, { signal: caller.signal }))));
    });
    await expect(closed).resolves.toBe('closed');
  });
});

/** What to post without an end, and when it was given back. */
function endlessPost() {
  let returned = (): void => {};
  const done = new Promise<void>(resolve => (returned = resolve));
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.alloc(65_536);
    } finally {
      returned();
    }
  }
  const headers = { 'content-length': '1000000000' };
  return { post: { method: 'POST', body: endless(), headers } as const, done };
}

describe('a body', () => {
  it('of an iterable that fails is the error of the iterable', async () => {
    const url = await serve(request => request.resume());
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      throw new Error('source failed');
    }
    const headers = { 'content-length': '10' };
    const call = get(url, { method: 'POST', body: broken(), headers });
    const error = await failureOf(openTransport().requestBuffered(call, 10));
    expect(error).toMatchObject({ name: 'WxCloudStorageError' });
    expect(everythingShownBy(error)).toContain('source failed');
  });

  it('of an iterable is returned when the connection breaks', async () => {
    const port = await listen(
      createTcpServer(socket => socket.once('data', () => socket.destroy())),
    );
    const { post, done } = endlessPost();
    const call = get(`http://127.0.0.1:${port}`, post);
    await expect(openTransport().requestBuffered(call, 10)).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
    await expect(done).resolves.toBeUndefined();
  });
});

describe('TLS', () => {
  const maxConnections = 256;
  const timeouts = { connectMs: 5_000, headersMs: 5_000, idleMs: 5_000, totalMs: 5_000 };

  function makeCertificate(): { key: Buffer; cert: Buffer } {
    const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
    afterThisTest(() => rmSync(folder, { recursive: true }));
    const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${keyFile} -out ${certFile} -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    );
    return { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  }

  it('with a self-signed certificate is refused for good, with advice and before a byte is sent', async () => {
    const seen = jest.fn();
    const port = await listen(createTlsServer(makeCertificate(), seen));
    const error = await failureOf(openTransport().requestStream(get(`https://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: false });
    expect(error.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(error.message).toContain('NODE_EXTRA_CA_CERTS');
    expect(error.message).toContain('Do not turn verification off');
    expect(everythingShownBy(error)).not.toContain(SECRET);
    expect(seen).not.toHaveBeenCalled();
  });

  it('with a certificate that the given dispatcher trusts is used', async () => {
    const { key, cert } = makeCertificate();
    const port = await listen(createTlsServer({ key, cert }, (_, response) => response.end('ok')));
    const dispatcher = new Agent({ connect: { ca: cert } });
    afterThisTest(() => dispatcher.destroy());
    const transport = new HttpTransport({ timeouts, dispatcher, maxConnections });
    const answer = await transport.requestStream(get(`https://127.0.0.1:${port}`));
    await expect(answer.readText(10)).resolves.toBe('ok');
    await transport.close();
    expect(dispatcher.destroyed).toBe(false);
  });

  it.each<[string, RequestListener, object]>([
    [
      'is reset',
      ({ stream }) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
      { reason: expect.objectContaining({ code: 'WX_CLOUD_CONNECTION_FAILED' }) },
    ],
    [
      'is answered early',
      (_, response) => response.writeHead(403).end(),
      { value: expect.objectContaining({ status: 403 }) },
    ],
  ])('over HTTP/2 a body is given back when its request %s', async (_, answer, expected) => {
    const { key, cert } = makeCertificate();
    const server = createHttp2Server({ key, cert }, (request, response) => {
      request.on('error', () => {});
      // The client sends until the window is full, and waits then.
      setTimeout(() => answer(request, response), 100);
    });
    const port = await listen(server);
    const dispatcher = new Agent({ connect: { ca: cert }, allowH2: true });
    afterThisTest(() => dispatcher.destroy());
    const { post, done } = endlessPost();
    const transport = new HttpTransport({ timeouts, dispatcher, maxConnections });
    const exchange = transport.requestBuffered(get(`https://127.0.0.1:${port}`, post), 10);
    const [outcome] = await Promise.allSettled([exchange]);
    expect(outcome).toMatchObject(expected);
    await expect(done).resolves.toBeUndefined();
  });

  it('is not said to fail by a time limit of ours where the dispatcher has its own', async () => {
    const port = await listen(createTcpServer());
    const dispatcher = new Agent({ connect: { timeout: 1 } });
    afterThisTest(() => dispatcher.destroy());
    const transport = new HttpTransport({ timeouts, dispatcher, maxConnections });
    const error = await failureOf(transport.requestStream(get(`https://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase: 'connect' });
    expect(error.message).toContain('the connect timeout of the dispatcher');
  });
});

describe('close', () => {
  it('cuts what is still running', async () => {
    const transport = openTransport();
    let arrived = (): void => {};
    const arrival = new Promise<void>(resolve => (arrived = resolve));
    const url = await serve(() => arrived());
    const running = failureOf(transport.requestStream(get(url)));
    await arrival;
    await transport.close();
    expect(await running).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
  });
});
