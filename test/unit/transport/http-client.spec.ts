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
import { afterThisTest } from '../../support/after-test.js';
import { listen, NEVER, openTransport, serve } from '../support/server.js';

type RequestListener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

const SECRET = 'a-s3cret-in-the-address';

function get<T extends Partial<HttpRequestWithBody>>(url: string, call?: T): HttpRequest & T {
  const query = `?access_token=${SECRET}`;
  const common = { endpoint: 'GET x', method: 'GET', secrets: [SECRET], signal: NEVER } as const;
  return { ...common, target: { origin: url, path: `/x${query}` }, ...(call as T) };
}

describe('the response of HttpTransport', () => {
  it.each([200, 204, 301, 404, 500])('is passed on with the status %d', async code => {
    const url = await serve((_, response) => response.writeHead(code).end());
    const response = await openTransport().requestStream(get(url));
    expect(response.status).toBe(code);
    await expect(response.readText(10)).resolves.toBe('');
  });

  it('has headers by name, the first of several', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { ETag: '"1"', 'X-Twice': ['first', 'second'] }).end();
    });
    const response = await openTransport().requestStream(get(url));
    expect(['etag', 'x-twice', 'x-none'].map(response.header)).toEqual(['"1"', 'first', undefined]);
    response.discard();
  });

  it.each([
    [0, ''],
    [3, '中'],
    [4, '中a'],
    [100, '中abc'],
  ])('is read as text up to %d bytes', async (maxBytes, expected) => {
    const url = await serve((_, response) => response.end('中abc'));
    const response = await openTransport().requestStream(get(url));
    await expect(response.readText(maxBytes)).resolves.toBe(expected);
  });

  it('can be discarded without an error', async () => {
    const url = await serve((_, response) => response.write('never ends'));
    const response = await openTransport().requestStream(get(url));
    response.discard();
    expect(response.body.destroyed).toBe(true);
  });
});

describe('a failure of HttpTransport', () => {
  it('is typed, retryable and without the address for a failed connection', async () => {
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

  it('reports a reset before the response headers', async () => {
    const port = await listen(
      createTcpServer(socket => socket.once('data', () => socket.destroy())),
    );
    const error = await failureOf(openTransport().requestStream(get(`http://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED', retryable: true });
  });

  it('reports a response that is not HTTP', async () => {
    const port = await listen(createTcpServer(socket => socket.end(`SSH-2.0-${SECRET}\r\n\r\n`)));
    const error = await failureOf(openTransport().requestStream(get(`http://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_CONNECTION_FAILED' });
    expect(everythingShownBy(error)).not.toContain(SECRET);
  });

  it.each(['http://[bad', 'ftp://127.0.0.1', 'nonsense', ''])(
    'rejects the invalid address %p without showing it',
    async url => {
      const error = await failureOf(openTransport().requestStream(get(url)));
      expect(error).toMatchObject({ name: 'WxCloudStorageError' });
      expect(everythingShownBy(error)).not.toContain(SECRET);
    },
  );

  it('reports a timeout of the headers', async () => {
    const url = await serve(() => {});
    const error = await failureOf(openTransport({ headersMs: 20 }).requestStream(get(url)));
    expect(error).toMatchObject({
      code: 'WX_CLOUD_REQUEST_TIMED_OUT',
      phase: 'headers',
      retryable: true,
    });
    expect(error.message).toContain('20 ms');
  });

  it('reports a stalled body', async () => {
    const url = await serve((_, response) => response.write('begin'));
    const response = await openTransport({ idleMs: 20 }).requestStream(get(url));
    const error = await failureOf(response.readText(100));
    expect(error).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase: 'idle' });
  });

  it('reports a truncated body', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('begin');
      setImmediate(() => response.destroy());
    });
    const response = await openTransport().requestStream(get(url));
    await expect(response.readText(100)).rejects.toMatchObject({
      code: 'WX_CLOUD_CONNECTION_FAILED',
    });
  });
});

describe('an abort of HttpTransport', () => {
  const operation = 'upload';

  it('sends nothing before the request', async () => {
    const seen = jest.fn();
    const url = await serve(seen);
    const { signal, dispose } = startDeadline(operation, 5_000, AbortSignal.abort());
    await expect(openTransport().requestStream(get(url, { signal }))).rejects.toBe(signal.reason);
    dispose();
    expect(seen).not.toHaveBeenCalled();
  });

  it('rejects with its reason while headers are awaited, and releases the signal', async () => {
    const caller = new AbortController();
    const { signal, dispose } = startDeadline(operation, 5_000, caller.signal);
    const url = await serve(() => caller.abort());
    await expect(openTransport().requestStream(get(url, { signal }))).rejects.toMatchObject({
      code: 'WX_CLOUD_REQUEST_ABORTED',
    });
    dispose();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends the reading of a body with its reason', async () => {
    const caller = new AbortController();
    const { signal, dispose } = startDeadline(operation, 5_000, caller.signal);
    const url = await serve((_, response) => response.write('begin'));
    const response = await openTransport().requestStream(get(url, { signal }));
    const reading = response.readText(100);
    caller.abort();
    await expect(reading).rejects.toMatchObject({ code: 'WX_CLOUD_REQUEST_ABORTED' });
    dispose();
  });

  it('ends the reading of a body that has arrived completely', async () => {
    const caller = new AbortController();
    const url = await serve((_, response) => response.end('whole'));
    const response = await openTransport().requestStream(get(url, { signal: caller.signal }));
    await until(() => response.body.readableLength === 5);
    caller.abort(abortedError(operation, 'enough'));
    await expect(response.readText(100)).rejects.toBe(caller.signal.reason);
  });

  it('by the total timeout is not retryable', async () => {
    const url = await serve(() => {});
    const { signal } = startDeadline(operation, 20);
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
    // Accepts the connection and never responds to the TLS handshake.
    const port = await listen(createTcpServer(() => caller.abort(reason)));
    const reason = abortedError(operation, 'left');
    const onUnsent = jest.fn();
    const call = get(`https://127.0.0.1:${port}`, { signal: caller.signal, onUnsent });
    const transport = openTransport({ connectMs: 60_000 });
    await expect(begin(transport, call)).rejects.toBe(reason);
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  it('while connecting is marked as unsent, and sends nothing later', async () => {
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

  it('of a sent request does not mark it as unsent', async () => {
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

/** An endless request body, and a promise of its return. */
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

describe('the request body of HttpTransport', () => {
  it('rejects with the error of a failing iterable', async () => {
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

  it('closes the iterable when the connection breaks', async () => {
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

describe('HttpTransport over TLS', () => {
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

  it('rejects a self-signed certificate for good, with advice, before a byte is sent', async () => {
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

  it('accepts a certificate that the given dispatcher trusts', async () => {
    const { key, cert } = makeCertificate();
    const port = await listen(createTlsServer({ key, cert }, (_, response) => response.end('ok')));
    const dispatcher = new Agent({ connect: { ca: cert } });
    afterThisTest(() => dispatcher.destroy());
    const transport = new HttpTransport({ timeouts, dispatcher, maxConnections });
    const response = await transport.requestStream(get(`https://127.0.0.1:${port}`));
    await expect(response.readText(10)).resolves.toBe('ok');
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
  ])('closes the body over HTTP/2 when its request %s', async (_, respond, expected) => {
    const { key, cert } = makeCertificate();
    const server = createHttp2Server({ key, cert }, (request, response) => {
      request.on('error', () => {});
      // The client sends until the window is full, and waits then.
      setTimeout(() => respond(request, response), 100);
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

  it('does not name our time limit when the dispatcher has its own', async () => {
    const port = await listen(createTcpServer());
    const dispatcher = new Agent({ connect: { timeout: 1 } });
    afterThisTest(() => dispatcher.destroy());
    const transport = new HttpTransport({ timeouts, dispatcher, maxConnections });
    const error = await failureOf(transport.requestStream(get(`https://127.0.0.1:${port}`)));
    expect(error).toMatchObject({ code: 'WX_CLOUD_REQUEST_TIMED_OUT', phase: 'connect' });
    expect(error.message).toContain('the connect timeout of the dispatcher');
  });
});

describe('HttpTransport.close', () => {
  it('aborts running requests', async () => {
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
