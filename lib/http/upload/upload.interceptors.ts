import type { ServerResponse } from 'node:http';
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
import { rawRequestOf, rawResponseOf } from '../request-origin.js';
import { decideByResult } from '../handler-result.js';
import { toLoggedException } from '../http-exception.js';
import { endRefused, endStreamWithResponse } from '../refused-request.js';
import {
  describeEnhancer,
  namingSubject,
  recordInstance,
  type UploadFacts,
} from '../startup/enhancers.js';
import { startNamed } from '../startup/routes.js';
import { type FinderHome, StorageFinder } from '../storage-finder.js';
import { beginTransaction, type UploadTransaction } from '../upload-transaction.js';
import { recordInterceptor } from './file-id.decorator.js';
import { PredictionRecords } from './prediction-record.js';
import {
  prepareForForms,
  receiveUploadForm,
  type UploadFormParts,
  type UploadRequest,
} from './receive-upload.js';
import { assertHasFile, mostFilesOf } from './request-files.js';
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

/** All that is known of a route's forms before a request. */
type FormSettings = Omit<UploadFormParts, 'context'>;

/** The forms of the routes of an interceptor. */
class RouteForms {
  readonly #facts: UploadFacts;
  readonly #options: WxCloudUploadInterceptorOptions;
  /** Finds the instance that stores their files. */
  readonly storage: StorageFinder;
  #settings: FormSettings | undefined;

  constructor(facts: UploadFacts, options: WxCloudUploadInterceptorOptions, home: FinderHome) {
    this.#facts = facts;
    this.#options = options;
    this.storage = new StorageFinder(facts.name, options, home);
  }

  /**
   * Checks everything that does not depend on a request.
   * @throws {@link OptionsInvalidError}
   */
  prepare(): FormSettings {
    if (this.#settings !== undefined) return this.#settings;
    const { name, selection, assertOptions } = this.#facts;
    // Nest does not initialise an interceptor that the application created itself.
    namingSubject(name, assertOptions);
    this.storage.assertExists();
    const limits = completeLimits(this.#options.limits, mostFilesOf(selection));
    const predictions = new PredictionRecords();
    return (this.#settings = { options: this.#options, limits, selection, predictions });
  }

  /** Returns the settings for the form of a request, with its instance. */
  async find(context: ExecutionContext, transaction: UploadTransaction): Promise<UploadFormParts> {
    const settings = this.prepare();
    const instance = await this.storage.find(context, transaction);
    return { ...settings, context: instance.context };
  }
}

/** Nest's metadata key of `@Sse()`, whose constant is not part of its public API. */
const EVENT_STREAM = '__sse__';

/**
 * Creates an interceptor that reads the form and stores its files, and deletes them unless the
 * request succeeds.
 */
function createUploadInterceptor(facts: UploadFacts, options: WxCloudUploadInterceptorOptions) {
  class WxCloudUploadInterceptor implements NestInterceptor, OnModuleInit {
    readonly #forms: RouteForms;

    constructor(
      @Inject(HttpAdapterHost) host: HttpAdapterHost,
      @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
    ) {
      this.#forms = new RouteForms(facts, options, { host, modules });
      recordInstance(host, facts);
    }

    /** Runs at startup, so that an invalid option does not wait for the first request. */
    onModuleInit(): void {
      const { host, modules } = this.#forms.storage.home;
      startNamed(modules, facts, () => prepareAdapter(host) && this.#forms.prepare());
    }

    async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
      // A global or class-level interceptor also runs for message handlers.
      if (context.getType() !== 'http') return next.handle();
      const request = context.switchToHttp().getRequest<UploadRequest>();
      const response = rawResponseOf(context.switchToHttp().getResponse<ServerResponse>());
      const transaction = beginTransaction(request, response);
      const toError = (error: unknown): unknown => toLoggedException(error, request);
      endStreamWithResponse(rawRequestOf(request), response);
      let form: UploadFormParts | undefined;
      try {
        form = await this.#forms.find(context, transaction);
        // Stops waiting when the client stalls or the application closes.
        const route = context.getHandler();
        const reading = receiveUploadForm(request, transaction, form, route);
        const clues = await transaction.untilGivenUp(reading);
        if (options.required !== false) assertHasFile(request, clues);
        recordInterceptor(request, facts);
        return decideByResult(next.handle(), transaction, toError, isEventStream(route));
      } catch (error) {
        await transaction.rollBack();
        const operations = (form ?? this.#forms.storage.any)?.context.operations;
        await endRefused(rawRequestOf(request), response, error, operations);
        throw toError(error);
      }
    }
  }
  return mixin<NestInterceptor>(describeEnhancer(WxCloudUploadInterceptor, facts));
}

/** True for a handler of `@Sse()`. */
function isEventStream(handler: object): boolean {
  return Reflect.getMetadata(EVENT_STREAM, handler) === true;
}

/**
 * Returns false in a testing module that starts without an application, where the instance may be
 * missing.
 */
function prepareAdapter(host: HttpAdapterHost): boolean {
  // Null where the application serves no HTTP at all.
  const adapter: AbstractHttpAdapter | null | undefined = host.httpAdapter;
  if (adapter) prepareForForms(adapter);
  return adapter !== undefined;
}

/**
 * Stores the one file of a field, like Nest's `FileInterceptor`: `@UploadedFile()` then injects a
 * {@link WxCloudUploadedFile}, `@FileId()` its file ID. The file is deleted unless the request
 * succeeds.
 * @example
 * ```ts
 * import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
 * import { WxCloudFileInterceptor, type WxCloudUploadedFile } from 'nestjs-wx-cloud-storage';
 *
 * const photo = WxCloudFileInterceptor('photo', {
 *   path: 'photos/',
 *   contentTypes: ['image/*'],
 *   limits: { fileSize: 10 * 1024 * 1024 },
 * });
 *
 * @Controller('photos')
 * export class PhotosController {
 *   @Post()
 *   @UseInterceptors(photo)
 *   create(@UploadedFile() file: WxCloudUploadedFile): { fileId: string } {
 *     return { fileId: file.fileId };
 *   }
 * }
 * ```
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
 * Stores the files of one field, up to `maxCount`, like Nest's `FilesInterceptor`: see
 * `@UploadedFiles()` and `@FileIds()`. The files are deleted unless the request succeeds.
 * @example
 * ```ts
 * import { Controller, Post, UploadedFiles, UseInterceptors } from '@nestjs/common';
 * import { WxCloudFilesInterceptor, type WxCloudUploadedFile } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('albums')
 * export class AlbumsController {
 *   @Post()
 *   @UseInterceptors(WxCloudFilesInterceptor('photos', 9, { path: 'albums/' }))
 *   create(@UploadedFiles() photos: readonly WxCloudUploadedFile[]): { fileIds: string[] } {
 *     return { fileIds: photos.map(({ fileId }) => fileId) };
 *   }
 * }
 * ```
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
 * Stores the files of several fields, like Nest's `FileFieldsInterceptor`: see `@UploadedFiles()`
 * and `@FileIds(field)`. The files are deleted unless the request succeeds.
 * @example
 * ```ts
 * import { Controller, Post, UseInterceptors } from '@nestjs/common';
 * import { FileId, FileIds, WxCloudFileFieldsInterceptor } from 'nestjs-wx-cloud-storage';
 *
 * const files = WxCloudFileFieldsInterceptor([{ name: 'cover', maxCount: 1 }, { name: 'pages' }]);
 *
 * @Controller('books')
 * export class BooksController {
 *   @Post()
 *   @UseInterceptors(files)
 *   create(
 *     @FileId('cover') cover: string | undefined,
 *     @FileIds('pages') pages: readonly string[],
 *   ): { cover: string | null; pages: readonly string[] } {
 *     return { cover: cover ?? null, pages };
 *   }
 * }
 * ```
 */
export function WxCloudFileFieldsInterceptor(
  fields: readonly WxCloudFileField[],
  options: WxCloudUploadInterceptorOptions = {},
): Type<NestInterceptor> {
  // Any other value is rejected when the application starts.
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
 * Stores the files of any field, like Nest's `AnyFilesInterceptor`: see `@UploadedFiles()` and
 * `@FileIds()`. The files are deleted unless the request succeeds.
 * @example
 * ```ts
 * import { Controller, Post, UseInterceptors } from '@nestjs/common';
 * import { FileIds, WxCloudAnyFilesInterceptor } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('files')
 * export class FilesController {
 *   @Post()
 *   @UseInterceptors(WxCloudAnyFilesInterceptor({ limits: { files: 5 } }))
 *   create(@FileIds() fileIds: readonly string[]): { fileIds: readonly string[] } {
 *     return { fileIds };
 *   }
 * }
 * ```
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
