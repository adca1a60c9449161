import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { OptionsInvalidError } from '../errors/index.js';
import { RequestNote } from './request-note.js';

/** What the requests of all adapters have in common: Express' `Request` or Fastify's `FastifyRequest`, as it is. */
export interface WxCloudHttpRequest {
  /** The headers, by their names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** The text fields of the form that came before the file. */
  readonly body?: unknown;
}

/** Where a request came to, and where its answer goes: a storage engine gets the request alone, and needs both. */
export interface RequestOrigin {
  /** The adapter's application. */
  readonly application: object;
  /** Node's response. */
  readonly response: ServerResponse;
}

/** The part of Fastify's instance that is used. */
interface HookedApplication {
  addHook(
    name: 'onRequest',
    hook: (request: object, reply: { readonly raw: ServerResponse }, done: () => void) => void,
  ): unknown;
}

/** Of Fastify's requests. */
const notedOrigin = new RequestNote<RequestOrigin>('origin');
const hooked = new WeakSet<object>();

/**
 * Prepares an adapter, before it starts, so that {@link originOf} knows its requests. Express' requests lead to their
 * application and response by themselves, Fastify's to neither.
 */
export function noteOrigins(adapter: AbstractHttpAdapter): void {
  const application: HookedApplication = adapter.getInstance();
  if (adapter.getType() !== 'fastify' || hooked.has(application)) return;
  hooked.add(application);
  application.addHook('onRequest', (request, reply, done) => {
    notedOrigin.write(request, { application, response: reply.raw });
    done();
  });
}

/** Finds out where a request came to. @throws {@link OptionsInvalidError} when its application does not have this module */
export function originOf(request: object): RequestOrigin {
  const known = notedOrigin.read(request);
  if (known !== undefined) return known;
  const { app, res } = request as { readonly app?: object; readonly res?: ServerResponse };
  if (app !== undefined && res !== undefined) return { application: app, response: res };
  throw new OptionsInvalidError({
    option: 'storage',
    expected: 'an instance of the application that the request came to; that has none',
    remedy: 'Import WxCloudStorageModule.forRoot or forRootAsync in it.',
  });
}

/** Node's response behind the one that an adapter hands to interceptors. */
export function rawResponseOf(
  response: ServerResponse | { readonly raw: ServerResponse },
): ServerResponse {
  return 'raw' in response ? response.raw : response;
}

/** Node's request behind an adapter's. */
export function rawRequestOf(request: object): IncomingMessage {
  return 'raw' in request ? (request.raw as IncomingMessage) : (request as IncomingMessage);
}
