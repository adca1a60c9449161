import type { ServerResponse } from 'node:http';
import {
  type CallHandler,
  type ExecutionContext,
  HttpException,
  Inject,
  mixin,
  type NestInterceptor,
  type OnModuleInit,
  Optional,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { concatMap, type Observable, takeLast } from 'rxjs';
import { abandonSource } from '../../body/chunks.js';
import { WxCloudStorageError } from '../../errors/errors.js';
import { rawRequestOf, rawResponseOf, type WxCloudHttpRequest } from '../request-origin.js';
import { rollBackOnError } from '../handler-result.js';
import { logFailure, toHttpException, toLoggedException } from '../http-exception.js';
import { announceRetry, endRefused } from '../refused-request.js';
import { assertHost, describeEnhancer, type EnhancerFacts } from '../startup/enhancers.js';
import { startNamed } from '../startup/routes.js';
import { StorageFinder } from '../storage-finder.js';
import { beginTransaction } from '../upload-transaction.js';
import { readReplyBody } from './reply-body.js';
import { assertReplyOptions, type WxCloudReplyOptions } from './reply-options.js';
import { type ReplyContext, storeReply } from './store-reply.js';

/**
 * Stores the bytes that a handler returns, and responds with {@link WxCloudReply} instead. Bytes
 * are a Buffer, Uint8Array, Blob, Node or web stream, `StreamableFile`, or one of these as `{ body,
 * fileName, contentType }`. All other values, and errors, pass unchanged. The file is deleted when
 * the response fails or the client disconnects before it.
 * @example
 * ```ts
 * import { Controller, Get, UseInterceptors } from '@nestjs/common';
 * import { WxCloudReplyInterceptor } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('reports')
 * export class ReportsController {
 *   @Get('latest')
 *   @UseInterceptors(WxCloudReplyInterceptor({ path: 'reports/', url: true }))
 *   find(): { body: Buffer; fileName: string; contentType: string } {
 *     return { body: Buffer.from('day,count\n'), fileName: 'report.csv', contentType: 'text/csv' };
 *   }
 * }
 * ```
 */
export function WxCloudReplyInterceptor(options: WxCloudReplyOptions = {}): Type<NestInterceptor> {
  const name = 'WxCloudReplyInterceptor';
  const facts: EnhancerFacts = { name, assertOptions: () => assertReplyOptions(options) };

  class ReplyInterceptor implements NestInterceptor, OnModuleInit {
    readonly #host: HttpAdapterHost;
    readonly #modules: ModulesContainer | undefined;
    readonly #storage: StorageFinder;

    constructor(
      @Inject(HttpAdapterHost) host: HttpAdapterHost,
      @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
    ) {
      assertHost(host, facts.name);
      this.#host = host;
      this.#modules = modules;
      this.#storage = new StorageFinder(name, options, { host, modules });
    }

    /** Runs at startup, so that an invalid option does not wait for the first request. */
    onModuleInit(): void {
      startNamed(this.#modules, facts, () => {
        if (this.#host.httpAdapter !== undefined) this.#storage.assertExists();
      });
    }

    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      // Results of message handlers are not HTTP responses with a size limit.
      if (context.getType() !== 'http') return next.handle();
      const http = context.switchToHttp();
      const request = http.getRequest<WxCloudHttpRequest>();
      const response = rawResponseOf(http.getResponse<ServerResponse>());
      const transaction = beginTransaction(request, response);
      const finding = this.#storage.find(context, transaction);
      const instance = await finding.catch(async (error: unknown) => {
        const operations = this.#storage.any?.context.operations;
        await endRefused(rawRequestOf(request), response, error, operations);
        throw toLoggedException(error, request);
      });
      const reply: ReplyContext = { context: instance.context, options, request, transaction };
      return next.handle().pipe(
        // Nest sends only the last value, so the others are not worth storing.
        takeLast(1),
        concatMap(value => replaceBytes(value, reply, response)),
        rollBackOnError(transaction, error => error),
      );
    }
  }
  return mixin(describeEnhancer(ReplyInterceptor, facts));
}

async function replaceBytes(
  value: unknown,
  reply: ReplyContext,
  response: ServerResponse,
): Promise<unknown> {
  const body = readReplyBody(value);
  if (body === undefined) return value;
  if (rawRequestOf(reply.request).method === 'HEAD') {
    // The response has no body that could name a file.
    abandonSource(body.source);
    return undefined;
  }
  try {
    // The response waits for the commit: until then the interceptors around may fail.
    return await storeReply(body, reply);
  } catch (error) {
    announceRetry(response, error);
    const exception = toReplyException(error);
    logFailure(error, exception, reply.request);
    throw exception;
  }
}

/** Converts an error to a 5xx: a response that cannot be stored is never the client's fault. */
function toReplyException(error: unknown): unknown {
  const exception = toHttpException(error);
  const isOurs = error instanceof WxCloudStorageError && exception instanceof HttpException;
  if (!isOurs || exception.getStatus() >= 500) return exception;
  const body = {
    statusCode: 500,
    message: 'The response could not be stored.',
    error: 'Internal Server Error',
    errorCode: error.code,
  };
  return new HttpException(body, 500, { cause: error });
}
