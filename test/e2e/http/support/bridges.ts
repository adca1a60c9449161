import { createRequire } from 'node:module';
import { IncomingMessage, ServerResponse, type RequestListener, type Server } from 'node:http';
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { jest } from '@jest/globals';
import {
  ADAPTERS,
  EXPRESS,
  FASTIFY,
  FASTIFY_HTTP2,
  type Adapter,
} from '../../../support/adapters.js';
import type { EdgeApplication } from './edge-application.js';

const load = createRequire(import.meta.url);

// Jest imports ES modules, but does not let CommonJS require them, as light-my-request does.
const cookiePath = createRequire(load.resolve('light-my-request')).resolve('cookie');
const cookie = (await import(cookiePath)) as object;
jest.doMock(cookiePath, () => cookie);

/** A request as a bridge is given it. */
export interface BridgedRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The response of a bridge. */
interface BridgedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** A way to pass requests to an application without an HTTP/1.1 connection. */
export interface Bridge {
  readonly name: string;
  readonly adapter: Adapter;
  /** Nest's interceptor for Fastify breaks if the `req` of the response is not a stream. */
  readonly hidesRequest?: boolean;
  send(application: EdgeApplication, request: BridgedRequest): Promise<BridgedResponse>;
}

interface LambdaResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

type LambdaHandler = (event: object, context: object) => Promise<LambdaResponse>;

const serverless = load('serverless-http') as (application: unknown) => LambdaHandler;
const awsLambdaFastify = load('@fastify/aws-lambda') as (
  application: unknown,
  options: object,
) => LambdaHandler;

/** Converts a request to an event of API Gateway. */
function toEvent({ method, path, headers, body }: BridgedRequest): object {
  return {
    httpMethod: method,
    path,
    headers: { ...headers },
    body: body.toString('base64'),
    isBase64Encoded: true,
    requestContext: { identity: { sourceIp: '127.0.0.1' } },
  };
}

const lambda =
  (makeHandler: (application: EdgeApplication) => LambdaHandler): Bridge['send'] =>
  async (application, request) => {
    const { statusCode, headers, body } = await makeHandler(application)(toEvent(request), {});
    return { status: statusCode, headers, body };
  };

const serverOf = ({ app }: EdgeApplication): Server => app.getHttpServer() as Server;
const instanceOf = ({ app }: EdgeApplication): unknown => app.getHttpAdapter().getInstance();

const inject: Bridge['send'] = async (application, { method, path, headers, body }) => {
  const instance = instanceOf(application) as {
    inject(options: object): Promise<LambdaResponse>;
  };
  const call = { method, url: path, headers, payload: body };
  const { statusCode, headers: answered, body: text } = await instance.inject(call);
  return { status: statusCode, headers: answered, body: text };
};

const ignore = (): void => {};

/** A bridge whose request has no real socket. */
function withSocket(makeSocket: () => unknown): Bridge['send'] {
  return (application, { method, path, headers, body: content }) => {
    const [listener] = serverOf(application).listeners('request') as RequestListener[];
    const request = new IncomingMessage(makeSocket() as never);
    const head = { method, url: path, headers: { ...headers }, httpVersion: '1.1' };
    Object.assign(request, head, { complete: true });
    request.push(content);
    request.push(null);
    // The response knows the method only, as that of serverless-http.
    const response = new ServerResponse({ method } as IncomingMessage);
    const written: Buffer[] = [];
    return new Promise(resolve => {
      response.assignSocket({
        _writableState: {},
        writable: true,
        on: ignore,
        removeListener: ignore,
        destroy: ignore,
        cork: ignore,
        uncork: ignore,
        write: (data: string | Buffer, encoding?: unknown, done?: () => void) => {
          written.push(Buffer.from(data as string));
          if (typeof encoding === 'function') (encoding as () => void)();
          done?.();
          return true;
        },
      } as never);
      response.once('finish', () => {
        const text = Buffer.concat(written).toString('latin1');
        const body = text.slice(text.indexOf('\r\n\r\n') + 4);
        resolve({ status: response.statusCode, headers: response.getHeaders(), body });
        response.emit('close');
      });
      listener?.(request, response as never);
    });
  };
}

/** One request on a session of its own. */
const overHttp2: Bridge['send'] = ({ url }, { method, path, headers, body }) => {
  const session = connect(url);
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request(
      { ':method': method, ':path': path, ...headers },
      { endStream: false },
    );
    const chunks: Buffer[] = [];
    let head: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
    stream.once('response', found => (head = found));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('error', reject);
    stream.once('close', () => {
      session.close();
      const { ':status': status = 0, ...rest } = head;
      resolve({ status, headers: rest, body: Buffer.concat(chunks).toString() });
    });
    stream.end(body);
  });
};

/** The bridges that an application may run behind. */
export const BRIDGES: readonly Bridge[] = [
  { name: 'inject() of Fastify', adapter: FASTIFY, send: inject },
  {
    name: '@fastify/aws-lambda',
    adapter: FASTIFY,
    // Nest's application is ready by then, and takes no decorators any more.
    send: lambda(application =>
      awsLambdaFastify(instanceOf(application), { decorateRequest: false }),
    ),
  },
  {
    name: 'serverless-http with the instance of Fastify',
    adapter: FASTIFY,
    send: lambda(application => serverless(instanceOf(application))),
  },
  ...ADAPTERS.map(adapter => ({
    name: `serverless-http with the server of ${adapter.name}`,
    adapter,
    hidesRequest: true,
    send: lambda(application => serverless(serverOf(application))),
  })),
  {
    name: 'serverless-http with the instance of Express',
    adapter: EXPRESS,
    send: lambda(application => serverless(instanceOf(application))),
  },
  ...ADAPTERS.flatMap(adapter => [
    {
      name: `a bridge to ${adapter.name} whose socket is a plain object`,
      adapter,
      hidesRequest: true,
      send: withSocket(() => ({ encrypted: true, remoteAddress: '127.0.0.1', destroy: ignore })),
    },
    {
      name: `a bridge to ${adapter.name} without a socket`,
      adapter,
      hidesRequest: true,
      send: withSocket(() => undefined),
    },
  ]),
  { name: 'HTTP/2', adapter: FASTIFY_HTTP2, send: overHttp2 },
];
