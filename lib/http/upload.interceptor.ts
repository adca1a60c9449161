import type { ServerResponse } from 'node:http';
import {
  Inject,
  mixin,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { findInstance } from './application-instances.js';
import { toFormError } from './form-error.js';
import { toHttpException } from './http-exception.js';
import { keepOnSuccess } from './keep-on-success.js';
import {
  createFormParser,
  takesNamesForLatin1,
  type FormParser,
  type PlatformUploadOptions,
  type UploadPlatform,
} from './platform.js';
import { rawResponseOf } from './request-origin.js';
import { assertHasFile, type ParsedRequest } from './required-files.js';
import { isReasonToGiveUp, watchStoredFiles, type StoredFiles } from './stored-files.js';
import { createUploadEngine } from './upload-engine.js';
import type { WxCloudUploadInterceptorOptions, WxCloudUploadLimits } from './upload-options.js';

/** What tells one upload interceptor from another. */
export interface UploadInterceptorParts {
  /** What the user gave. */
  readonly options: WxCloudUploadInterceptorOptions;
  /** How many files its fields take together; undefined when that is not limited. */
  readonly fileCount: number | undefined;
  /** Makes Nest's interceptor of the same shape. */
  readonly select: (
    platform: UploadPlatform,
    options: PlatformUploadOptions,
  ) => Type<NestInterceptor>;
}

/**
 * All of them, so that they mean the same with every parser: for one file, Express has no limit and Fastify 1 MiB;
 * names of fields and their shape are limited by some versions only.
 */
const DEFAULT_LIMITS = {
  fileSize: 104_857_600,
  files: 10,
  fieldSize: 1_048_576,
  fieldNameSize: 100,
  parts: 1_000,
  headerPairs: 2_000,
  fieldNestingDepth: 32,
  fieldArrayIndexLimit: 1_000,
} as const;

/**
 * Makes an interceptor that has Nest's own one parse the form and our engine store its files, and that removes them
 * unless the request is answered with success.
 */
export function createUploadInterceptor(parts: UploadInterceptorParts): Type<NestInterceptor> {
  const { required = true } = parts.options;
  const limits = completeLimits(parts);

  class WxCloudUploadInterceptor implements NestInterceptor, OnModuleInit {
    readonly #host: HttpAdapterHost;
    #parser: Promise<FormParser> | undefined;

    constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
      this.#host = host;
    }

    /** At start-up, so that a wrong name or a missing package does not wait for the first request. */
    async onModuleInit(): Promise<void> {
      if (this.#host.httpAdapter !== undefined) await this.#loadParser();
    }

    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      const http = context.switchToHttp();
      const request = http.getRequest<ParsedRequest>();
      const response = rawResponseOf(http.getResponse<ServerResponse>());
      const files = watchStoredFiles(request, response);
      const checked: CallHandler = {
        handle: () => {
          if (required) assertHasFile(request);
          return next.handle();
        },
      };
      try {
        const parser = await this.#loadParser();
        // A parser waits for the end of the request before it reports anything: for ever, when the client has stalled.
        const result = await files.untilGivenUp(parser.intercept(context, checked));
        return result.pipe(keepOnSuccess(files, toHttpException));
      } catch (error) {
        await files.fail();
        if (isReasonToGiveUp(error)) closeConnection(response);
        throw toHttpException(explain(error, files, limits.fileSize));
      }
    }

    #loadParser(): Promise<FormParser> {
      this.#parser ??= makeParser(this.#host, parts, limits);
      return this.#parser;
    }
  }
  return mixin(WxCloudUploadInterceptor);
}

type CompleteLimits = WxCloudUploadLimits & { readonly fileSize: number };

/** Key by key, so that a limit that is given as undefined keeps its default. */
function completeLimits({ options, fileCount }: UploadInterceptorParts): CompleteLimits {
  const given = Object.entries(options.limits ?? {}).filter(([, value]) => value !== undefined);
  const files = fileCount ?? DEFAULT_LIMITS.files;
  return { ...DEFAULT_LIMITS, files, ...Object.fromEntries(given) };
}

async function makeParser(
  host: HttpAdapterHost,
  { options, select }: UploadInterceptorParts,
  limits: CompleteLimits,
): Promise<FormParser> {
  const { context } = findInstance(host, options.storage);
  let namesAreLatin1 = false;
  const storage = createUploadEngine({
    options,
    findContext: () => context,
    fileSizeLimit: limits.fileSize,
    takesNamesForLatin1: () => namesAreLatin1,
    standsAlone: false,
  });
  // The engine counts by itself; one more lets a file reach the limit whatever the parser takes that for.
  const parserLimits = { ...limits, fileSize: limits.fileSize + 1 };
  const parser = await createFormParser(host, platform =>
    select(platform, { storage, limits: parserLimits, defParamCharset: 'utf8' }),
  );
  namesAreLatin1 = takesNamesForLatin1(parser);
  return parser;
}

/** What is left of the form stands in the way of a further request; HTTP/2 has a stream for each. */
function closeConnection(response: ServerResponse): void {
  if (response.headersSent || response.req.httpVersionMajor !== 1) return;
  response.setHeader('connection', 'close');
}

/** An error of the engine, or of a function it was given, says what it means; the others are the parser's. */
function explain(error: unknown, files: StoredFiles, fileSizeLimit: number): unknown {
  return files.hasFailedWith(error) ? error : toFormError(error, fileSizeLimit);
}
