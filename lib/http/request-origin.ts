import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { OptionsInvalidError } from '../errors/errors.js';

/**
 * A property that this package sets on a request. It is a property rather than a WeakMap entry
 * because the garbage collector scans all entries of a WeakMap repeatedly, which took 5 % of the
 * cost of a small upload.
 */
export class RequestProperty<T> {
  readonly #key: symbol;

  /** The description is visible when a request is printed. */
  constructor(description: string) {
    this.#key = Symbol(`wx-cloud-storage.${description}`);
  }

  /** Returns the value, or undefined when none was set. */
  read(request: object): T | undefined {
    return (request as Record<symbol, T | undefined>)[this.#key];
  }

  /** Sets the value, replacing any earlier one. */
  write(request: object, value: T): void {
    (request as Record<symbol, T>)[this.#key] = value;
  }
}

/**
 * The common part of the requests of all adapters: Express' `Request` or Fastify's
 * `FastifyRequest`.
 */
export interface WxCloudHttpRequest {
  /** The headers, by lower-case name. */
  readonly headers: IncomingHttpHeaders;
  /** The text fields of the form that came before the file. */
  readonly body?: unknown;
}

/**
 * The application that received a request, and the response to it. A storage engine is given only
 * the request, and needs both.
 */
interface RequestOrigin {
  /** The adapter's application. */
  readonly application: object;
  /** Node's response. */
  readonly response: ServerResponse;
}

/** Set on Fastify's requests only. */
const originProperty = new RequestProperty<RequestOrigin>('origin');
const hooked = new WeakSet<object>();

/**
 * Prepares an adapter, before it starts, so that {@link originOf} works for its requests. Express'
 * requests lead to their application and response, Fastify's do not.
 */
export function recordOrigins(adapter: AbstractHttpAdapter): void {
  const application: {
    addHook(
      name: 'onRequest',
      hook: (request: object, reply: { readonly raw: ServerResponse }, done: () => void) => void,
    ): unknown;
  } = adapter.getInstance();
  if (adapter.getType() !== 'fastify' || hooked.has(application)) return;
  hooked.add(application);
  application.addHook('onRequest', (request, reply, done) => {
    originProperty.write(request, { application, response: reply.raw });
    done();
  });
}

/**
 * Returns the origin of a request.
 * @throws {@link OptionsInvalidError} when the request's application does not import this module
 */
export function originOf(request: object): RequestOrigin {
  const known = originProperty.read(request);
  if (known !== undefined) return known;
  const { app, res } = request as { readonly app?: object; readonly res?: ServerResponse };
  if (app !== undefined && res !== undefined) return { application: app, response: res };
  throw new OptionsInvalidError({
    option: 'storage',
    expected: 'an instance of the application that received the request; it has none',
    remedy: 'Import WxCloudStorageModule.forRoot or forRootAsync in it.',
  });
}

/** Returns Node's response behind the one that an adapter passes to interceptors. */
export function rawResponseOf(
  response: ServerResponse | { readonly raw: ServerResponse },
): ServerResponse {
  return 'raw' in response ? response.raw : response;
}

/** Returns Node's request behind an adapter's. */
export function rawRequestOf(request: object): IncomingMessage {
  return 'raw' in request ? (request.raw as IncomingMessage) : (request as IncomingMessage);
}
