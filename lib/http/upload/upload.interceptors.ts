import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  mixin,
  type NestInterceptor,
  type OnModuleInit,
  Optional,
  type Type,
} from '@nestjs/common';
import { type AbstractHttpAdapter, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { isReasonToGiveUp } from '../../multipart/form-errors.js';
import { discardRest } from '../../multipart/receive-form.js';
import { findInstance, rawRequestOf, rawResponseOf } from '../application-registry.js';
import { toLoggedException } from '../http-exception.js';
import {
  announceRetry,
  closeAfterResponse,
  endStreamWithResponse,
  isRefusedUnread,
} from '../refused-request.js';
import {
  describeEnhancer,
  namingSubject,
  noteInstance,
  type UploadFacts,
} from '../startup/enhancers.js';
import { startNamed } from '../startup/routes.js';
import { beginTransaction, rollBackOnError } from '../upload-transaction.js';
import { noteInterceptor } from './file-id.decorator.js';
import {
  prepareForForms,
  receiveUploadForm,
  type UploadFormParts,
  type UploadRequest,
} from './receive-upload.js';
import { assertHasFile, type FileSelection } from './request-files.js';
import {
  assertField,
  assertFields,
  assertInterceptorOptions,
  assertMaxCount,
} from './upload-option-checks.js';
import {
  completeLimits,
  type WxCloudFileField,
  type WxCloudUploadInterceptorOptions,
} from './upload-options.js';

/**
 * Makes an interceptor that reads the form and stores its files, and that removes them unless the
 * request is answered with success.
 */
function createUploadInterceptor(facts: UploadFacts, options: WxCloudUploadInterceptorOptions) {
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
      startNamed(this.#modules, facts, () => prepareAdapter(this.#host) && this.#prepare());
    }

    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      // Bound to all of an application, or to a class, it also stands before handlers of messages.
      if (context.getType() !== 'http') return next.handle();
      const request = context.switchToHttp().getRequest<UploadRequest>();
      const response = rawResponseOf(context.switchToHttp().getResponse<ServerResponse>());
      const transaction = beginTransaction(request, response);
      const toError = (error: unknown): unknown => toLoggedException(error, request);
      endStreamWithResponse(rawRequestOf(request), response);
      try {
        // A client that has stalled is not waited for, nor is one when the application closes.
        const reading = receiveUploadForm(request, transaction, this.#prepare());
        const clues = await transaction.untilGivenUp(reading);
        if (options.required !== false) assertHasFile(request, clues);
        noteInterceptor(request, facts);
        return next.handle().pipe(rollBackOnError(transaction, toError));
      } catch (error) {
        await transaction.rollBack();
        await endForm(rawRequestOf(request), response, error, this.#form);
        throw toError(error);
      }
    }

    #prepare(): UploadFormParts {
      return (this.#form ??= prepareForm(this.#host, facts, options, this.#modules));
    }
  }
  return mixin<NestInterceptor>(describeEnhancer(WxCloudUploadInterceptor, facts));
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
  closeAfterResponse(request, response);
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
  facts: UploadFacts,
  options: WxCloudUploadInterceptorOptions,
  modules: ModulesContainer | undefined,
): UploadFormParts {
  // An instance that Nest has not made is not initialised.
  namingSubject(facts.name, () => facts.assertOptions());
  const { selection } = facts;
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

/**
 * Stores the one file of a field, as Nest's `FileInterceptor` does: `@UploadedFile()` then gives a
 * {@link WxCloudUploadedFile}, `@FileId()` its file ID. The file is removed unless the request is
 * answered with success.
 */
export function WxCloudFileInterceptor(
  field: string,
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  const facts: UploadFacts = {
    name: 'WxCloudFileInterceptor',
    selection: { maxCounts: new Map([[field, 1]]), shape: 'one' },
    assertOptions: () => {
      assertField(field);
      assertInterceptorOptions(options);
    },
  };
  return createUploadInterceptor(facts, options);
}

/**
 * Stores the files of one field, up to `maxCount`, as Nest's `FilesInterceptor` does: see
 * `@UploadedFiles()` and `@FileIds()`.
 */
export function WxCloudFilesInterceptor(
  field: string,
  maxCount = Infinity,
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  const facts: UploadFacts = {
    name: 'WxCloudFilesInterceptor',
    selection: { maxCounts: new Map([[field, maxCount]]), shape: 'list' },
    assertOptions: () => {
      assertField(field);
      assertMaxCount(maxCount);
      assertInterceptorOptions(options);
    },
  };
  return createUploadInterceptor(facts, options);
}

/**
 * Stores the files of several fields, as Nest's `FileFieldsInterceptor` does: see
 * `@UploadedFiles()` and `@FileIds(field)`.
 */
export function WxCloudFileFieldsInterceptor(
  fields: readonly WxCloudFileField[],
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  // Anything else than a list of fields is told when the application starts.
  const list = Array.isArray(fields) ? (fields as readonly (WxCloudFileField | null)[]) : [];
  const maxCounts = new Map(
    Array.from(list, field => [field?.name ?? '', field?.maxCount ?? Infinity]),
  );
  const facts: UploadFacts = {
    name: 'WxCloudFileFieldsInterceptor',
    selection: { maxCounts, shape: 'by-field' },
    assertOptions: () => {
      assertFields(fields);
      assertInterceptorOptions(options);
    },
  };
  return createUploadInterceptor(facts, options);
}

/**
 * Stores the files of any field, as Nest's `AnyFilesInterceptor` does: see `@UploadedFiles()` and
 * `@FileIds()`.
 */
export function WxCloudAnyFilesInterceptor(
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  const facts: UploadFacts = {
    name: 'WxCloudAnyFilesInterceptor',
    selection: { maxCounts: undefined, shape: 'list' },
    assertOptions: () => {
      assertInterceptorOptions(options);
    },
  };
  return createUploadInterceptor(facts, options);
}
