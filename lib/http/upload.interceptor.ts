import type { IncomingMessage, ServerResponse } from 'node:http';
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
import { discardRest, isReasonToGiveUp } from '../form/index.js';
import { findInstance } from './application-instances.js';
import { announceRetry, isRefusedUnread } from './capacity.js';
import { describeEnhancer, namingSubject, noteInstance, type UploadFacts } from './enhancers.js';
import { toLoggedException } from './failure-log.js';
import type { FileSelection } from './file-places.js';
import { prepareForForms } from './form-adapters.js';
import { keepOnSuccess } from './keep-on-success.js';
import { noteInterceptor } from './missing-file-ids.js';
import { closeAfterAnswer, endStreamWithAnswer } from './refused-request.js';
import { rawRequestOf, rawResponseOf } from './request-origin.js';
import { assertHasFile } from './required-files.js';
import { startNamed } from './routes.js';
import { watchStoredFiles } from './stored-files.js';
import { receiveUploadForm, type UploadFormParts, type UploadRequest } from './upload-form.js';
import { completeLimits } from './upload-limits.js';
import { assertInterceptorOptions } from './upload-option-checks.js';
import type { WxCloudUploadInterceptorOptions } from './upload-options.js';

/** What tells one upload interceptor from another. */
export interface UploadInterceptorParts {
  /** The function that makes it. */
  readonly name: string;
  /** What the user gave. */
  readonly options: WxCloudUploadInterceptorOptions;
  /** Which files its forms may bring. */
  readonly selection: FileSelection;
  /** Checks what the function was given beside the options. @throws {@link OptionsInvalidError} */
  readonly assertArguments: () => void;
}

/**
 * Makes an interceptor that reads the form and stores its files, and that removes them unless the request is answered
 * with success.
 */
export function createUploadInterceptor(parts: UploadInterceptorParts): Type<NestInterceptor> {
  const facts = factsFrom(parts);

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
      noteInstance(host, facts);
    }

    /** At start-up, so that a wrong option does not wait for the first request. */
    onModuleInit(): void {
      const start = (): unknown => prepareAdapter(this.#host) && this.#prepare();
      startNamed(this.#modules, facts, start);
    }

    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      // Bound to all of an application, or to a class, it also stands before handlers of messages.
      if (context.getType() !== 'http') return next.handle();
      const request = context.switchToHttp().getRequest<UploadRequest>();
      const response = rawResponseOf(context.switchToHttp().getResponse<ServerResponse>());
      const files = watchStoredFiles(request, response);
      endStreamWithAnswer(rawRequestOf(request), response);
      try {
        // A client that has stalled is not waited for, nor is one when the application closes.
        const clues = await files.untilGivenUp(receiveUploadForm(request, files, this.#prepare()));
        if (parts.options.required !== false) assertHasFile(request, clues);
        noteInterceptor(request, facts);
        return next.handle().pipe(keepOnSuccess(files, error => toLoggedException(error, request)));
      } catch (error) {
        await files.fail();
        await endForm(rawRequestOf(request), response, error, this.#form);
        throw toLoggedException(error, request);
      }
    }

    #prepare(): UploadFormParts {
      this.#form ??= prepareForm(this.#host, parts, this.#modules);
      return this.#form;
    }
  }
  return mixin(describeEnhancer(WxCloudUploadInterceptor, facts));
}

/** Reads what is left of a refused form, where that is worth it, and lets go of its connection. */
async function endForm(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  form: UploadFormParts | undefined,
): Promise<void> {
  announceRetry(response, error);
  if (form !== undefined && !isReasonToGiveUp(error) && !isRefusedUnread(request, error)) {
    await discardRest(request, form.context.operations);
  }
  closeAfterAnswer(request, response);
}

function factsFrom({
  name,
  selection,
  options,
  assertArguments,
}: UploadInterceptorParts): UploadFacts {
  const assertOptions = (): void => {
    assertArguments();
    assertInterceptorOptions(options);
  };
  return { name, selection, assertOptions };
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
  parts: UploadInterceptorParts,
  modules: ModulesContainer | undefined,
): UploadFormParts {
  // An instance that Nest has not made is not initialised.
  namingSubject(parts.name, () => factsFrom(parts).assertOptions());
  const { options, selection } = parts;
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
