import type { AbstractHttpAdapter } from '@nestjs/core';
import { OptionsInvalidError } from '../../errors/errors.js';

/** The part of Fastify's instance that is used. */
interface ParsingApplication {
  addContentTypeParser(type: RegExp, parser: FormParserStandIn): unknown;
}

type FormParserStandIn = (
  request: unknown,
  payload: unknown,
  done: (error: Error | null) => void,
) => void;

const prepared = new WeakSet<object>();

/**
 * Prepares the adapter that runs, before it starts, for forms that interceptors read by themselves.
 * Fastify refuses bodies of types that it knows no parser for; an expression stands behind the name
 * that `@fastify/multipart` uses, so that an application can have both.
 * @throws {@link OptionsInvalidError} for an adapter whose requests are not known
 */
export function prepareForForms(adapter: AbstractHttpAdapter): void {
  const type = adapter.getType();
  if (type === 'express') return;
  if (type !== 'fastify') throw unsupported();
  const application: ParsingApplication & object = adapter.getInstance();
  if (prepared.has(application)) return;
  prepared.add(application);
  application.addContentTypeParser(
    /^multipart\/form-data[ \t]*(?:;|$)/i,
    (_request, _payload, done) => done(null),
  );
}

function unsupported(): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'HTTP adapter',
    expected:
      'that of @nestjs/platform-express or @nestjs/platform-fastify for upload interceptors',
    remedy: 'Create the application with it, or call WxCloudStorageService.upload in the handler.',
  });
}
