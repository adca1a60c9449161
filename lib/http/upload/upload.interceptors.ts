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
import { prepareForForms } from './form-adapters.js';
import { receiveUploadForm, type UploadFormParts, type UploadRequest } from './receive-upload.js';
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

/** What tells one upload interceptor from another. */
interface UploadInterceptorParts {
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
 * Makes an interceptor that reads the form and stores its files, and that removes them unless the
 * request is answered with success.
 */
function createUploadInterceptor(parts: UploadInterceptorParts): Type<NestInterceptor> {
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
        if (parts.options.required !== false) assertHasFile(request, clues);
        noteInterceptor(request, facts);
        return next.handle().pipe(rollBackOnError(transaction, toError));
      } catch (error) {
        await transaction.rollBack();
        await endForm(rawRequestOf(request), response, error, this.#form);
        throw toError(error);
      }
    }

    #prepare(): UploadFormParts {
      return (this.#form ??= prepareForm(this.#host, parts, this.#modules));
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
  closeAfterResponse(request, response);
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

/**
 * Stores the one file of a field, as Nest's `FileInterceptor` does: `@UploadedFile()` then gives a
 * {@link WxCloudUploadedFile}, `@FileId()` its file ID. The file is removed unless the request is
 * answered with success.
 */
export function WxCloudFileInterceptor(
  field: string,
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({
    name: 'WxCloudFileInterceptor',
    options,
    selection: { maxCounts: new Map([[field, 1]]), shape: 'one' },
    assertArguments: () => assertField(field),
  });
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
  return createUploadInterceptor({
    name: 'WxCloudFilesInterceptor',
    options,
    selection: { maxCounts: new Map([[field, maxCount]]), shape: 'list' },
    assertArguments: () => {
      assertField(field);
      assertMaxCount(maxCount);
    },
  });
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
  return createUploadInterceptor({
    name: 'WxCloudFileFieldsInterceptor',
    options,
    selection: { maxCounts, shape: 'by-field' },
    assertArguments: () => assertFields(fields),
  });
}

/**
 * Stores the files of any field, as Nest's `AnyFilesInterceptor` does: see `@UploadedFiles()` and
 * `@FileIds()`.
 */
export function WxCloudAnyFilesInterceptor(
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  return createUploadInterceptor({
    name: 'WxCloudAnyFilesInterceptor',
    options,
    selection: { maxCounts: undefined, shape: 'list' },
    assertArguments: () => {},
  });
}
