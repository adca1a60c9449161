import type { ServerResponse } from 'node:http';
import {
  Inject,
  mixin,
  Optional,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer, type AbstractHttpAdapter } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { findInstance } from './application-instances.js';
import { announceRetry, isRefusedUnread } from './capacity.js';
import { assertUploadOptions } from './assert-upload-options.js';
import { toLoggedException } from './failure-log.js';
import type { FileSelection } from './file-places.js';
import { prepareForForms } from './form-adapters.js';
import { keepOnSuccess } from './keep-on-success.js';
import { closeAfterAnswer, discardRest, endStreamWithAnswer } from './refused-request.js';
import { rawRequestOf, rawResponseOf } from './request-origin.js';
import { assertHasFile } from './required-files.js';
import { isReasonToGiveUp, watchStoredFiles } from './stored-files.js';
import { receiveUploadForm, type UploadFormParts, type UploadRequest } from './upload-form.js';
import { completeLimits } from './upload-limits.js';
import type { WxCloudUploadInterceptorOptions } from './upload-options.js';

/** What tells one upload interceptor from another. */
export interface UploadInterceptorParts {
  /** What the user gave. */
  readonly options: WxCloudUploadInterceptorOptions;
  /** Which files its forms may bring. */
  readonly selection: FileSelection;
}

/**
 * Makes an interceptor that reads the form and stores its files, and that removes them unless the request is answered
 * with success.
 */
export function createUploadInterceptor(parts: UploadInterceptorParts): Type<NestInterceptor> {
  class WxCloudUploadInterceptor implements NestInterceptor, OnModuleInit {
    readonly #host: HttpAdapterHost;
    readonly #modules: ModulesContainer | undefined;
    #form: UploadFormParts | undefined;

    constructor(
      @Inject(HttpAdapterHost) host: HttpAdapterHost,
      @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
    ) {
      this.#host = host;
      this.#modules = modules;
    }

    /** At start-up, so that a wrong name does not wait for the first request. */
    onModuleInit(): void {
      if (prepareAdapter(this.#host)) this.#prepare();
    }

    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      const http = context.switchToHttp();
      const request = http.getRequest<UploadRequest>();
      const response = rawResponseOf(http.getResponse<ServerResponse>());
      const files = watchStoredFiles(request, response);
      endStreamWithAnswer(rawRequestOf(request), response);
      try {
        // A client that has stalled is not waited for, nor is one when the application closes.
        const clues = await files.untilGivenUp(receiveUploadForm(request, files, this.#prepare()));
        if (parts.options.required !== false) assertHasFile(request, clues);
        return next.handle().pipe(keepOnSuccess(files, error => toLoggedException(error, request)));
      } catch (error) {
        await files.fail();
        announceRetry(response, error);
        const raw = rawRequestOf(request);
        if (this.#form !== undefined && !isReasonToGiveUp(error) && !isRefusedUnread(raw, error)) {
          await discardRest(raw, this.#form.context);
        }
        closeAfterAnswer(raw, response);
        throw toLoggedException(error, request);
      }
    }

    #prepare(): UploadFormParts {
      this.#form ??= prepareForm(this.#host, parts, this.#modules);
      return this.#form;
    }
  }
  return mixin(WxCloudUploadInterceptor);
}

/** False in a testing module that starts without an application, whose instance may be missing. */
function prepareAdapter(host: HttpAdapterHost): boolean {
  // Null where the application serves no HTTP at all.
  const adapter: AbstractHttpAdapter | null | undefined = host.httpAdapter;
  if (adapter) prepareForForms(adapter);
  return adapter !== undefined;
}

function prepareForm(
  host: HttpAdapterHost,
  { options, selection }: UploadInterceptorParts,
  modules: ModulesContainer | undefined,
): UploadFormParts {
  assertUploadOptions(options);
  const { context } = findInstance(host, options.storage, modules);
  const limits = completeLimits(options.limits, sumOf(selection.maxCounts));
  return { options, context, limits, selection };
}

/** How many files the fields take together; undefined when one of them has no limit. */
function sumOf(maxCounts: FileSelection['maxCounts']): number | undefined {
  if (maxCounts === undefined) return undefined;
  const sum = [...maxCounts.values()].reduce((all, count) => all + count, 0);
  return Number.isFinite(sum) ? sum : undefined;
}
