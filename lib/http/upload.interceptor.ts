import type { IncomingMessage } from 'node:http';
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
import { loadUploadPlatform, type PlatformUploadOptions, type UploadPlatform } from './platform.js';
import { assertHasFile } from './required-files.js';
import { storedFilesOf, type StoredFiles } from './stored-files.js';
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

/** 100 MiB: neither Express, which has no limit, nor Fastify, with 1 MiB, has a default that suits an upload. */
const DEFAULT_FILE_SIZE = 104_857_600;
const DEFAULT_FILE_COUNT = 10;

/**
 * Makes an interceptor that has Nest's own one parse the form and our engine store its files, and that removes them
 * unless the request is answered with success.
 */
export function createUploadInterceptor(parts: UploadInterceptorParts): Type<NestInterceptor> {
  const { required = true } = parts.options;
  const limits = completeLimits(parts);

  class WxCloudUploadInterceptor implements NestInterceptor, OnModuleInit {
    readonly #host: HttpAdapterHost;
    #parser: Promise<NestInterceptor> | undefined;

    constructor(@Inject(HttpAdapterHost) host: HttpAdapterHost) {
      this.#host = host;
    }

    /** At start-up, so that a wrong name or a missing package does not wait for the first request. */
    async onModuleInit(): Promise<void> {
      if (this.#host.httpAdapter !== undefined) await this.#loadParser();
    }

    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      const request = context.switchToHttp().getRequest<IncomingMessage>();
      const files = storedFilesOf(request);
      const checked: CallHandler = {
        handle: () => {
          if (required) assertHasFile(request);
          return next.handle();
        },
      };
      try {
        const parser = await this.#loadParser();
        // A parser waits for the end of the request before it reports anything: for ever, when the client has stalled.
        const result = await Promise.race([parser.intercept(context, checked), files.stalled]);
        return result.pipe(keepOnSuccess(files, toHttpException));
      } catch (error) {
        await files.fail();
        throw toHttpException(explain(error, files, limits.fileSize));
      }
    }

    #loadParser(): Promise<NestInterceptor> {
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
  const files = fileCount ?? DEFAULT_FILE_COUNT;
  return { fileSize: DEFAULT_FILE_SIZE, files, ...Object.fromEntries(given) };
}

async function makeParser(
  host: HttpAdapterHost,
  { options, select }: UploadInterceptorParts,
  limits: CompleteLimits,
): Promise<NestInterceptor> {
  const context = findInstance(host, options.storage);
  const storage = createUploadEngine({
    options,
    findContext: () => context,
    fileSizeLimit: limits.fileSize,
  });
  const platform = await loadUploadPlatform(host);
  const Parser = select(platform, { storage, limits, defParamCharset: 'utf8' });
  return new Parser();
}

/** An error of the engine, or of a function it was given, says what it means; the others are the parser's. */
function explain(error: unknown, files: StoredFiles, fileSizeLimit: number): unknown {
  return files.hasFailedWith(error) ? error : toFormError(error, fileSizeLimit);
}
