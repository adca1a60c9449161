import { AsyncResource } from 'node:async_hooks';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ChunkQueue } from '../../body/chunk-queue.js';
import { OptionsInvalidError } from '../../errors/errors.js';
import type { FormFile } from '../../multipart/form-reader.js';
import { isMultipart } from '../../multipart/part-headers.js';
import { type ComingForm, receiveForm, type TakenFile } from '../../multipart/receive-form.js';
import type { FormFields } from '../../multipart/text-fields.js';
import type { StorageContext } from '../../storage/storage-context.js';
import { rawRequestOf, type WxCloudHttpRequest } from '../application-registry.js';
import { RequestMemory } from '../refused-request.js';
import type { UploadTransaction } from '../upload-transaction.js';
import { fileHeadsOf } from './file-heads.js';
import {
  RequestFiles,
  type FileSelection,
  type FileTarget,
  hideMethods,
  type MissingFileClues,
} from './request-files.js';
import { storeFormFile } from './store-file.js';
import type { CompleteUploadLimits, WxCloudUploadEngineOptions } from './upload-options.js';

/** An adapter's request, which takes what its form brings. */
export type UploadRequest = WxCloudHttpRequest & FileTarget & { body?: FormFields };

/** What the forms of a route have in common. */
export interface UploadFormParts {
  /** What becomes of their files. */
  readonly options: WxCloudUploadEngineOptions;
  /** The instance that stores them. */
  readonly context: StorageContext;
  /** What a form may have. */
  readonly limits: CompleteUploadLimits;
  /** Which files it may bring. */
  readonly selection: FileSelection;
}

/** The part of Fastify's instance that is used. */
interface ParsingApplication {
  addContentTypeParser(
    type: RegExp,
    parser: (request: unknown, payload: unknown, done: (error: Error | null) => void) => void,
  ): unknown;
}

/** Instances of Fastify. */
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

/**
 * Reads the form of a request and stores its files, several at a time where they come faster than
 * they are stored. Resolves when all of it was read and stored, with clues for a form without a
 * file, and with nothing done for a request without a form.
 * @throws {@link WxCloudStorageError} what is wrong with the form or with storing a file, once all
 * other files have ended
 */
export async function receiveUploadForm(
  request: UploadRequest,
  transaction: UploadTransaction,
  parts: UploadFormParts,
): Promise<MissingFileClues> {
  if (!isMultipart(request.headers['content-type'])) {
    hideMethods(request);
    return {};
  }
  const clues = await new UploadReceiver(request, transaction, parts).receive();
  transaction.throwIfOver();
  return clues;
}

class UploadReceiver {
  readonly #request: UploadRequest;
  readonly #transaction: UploadTransaction;
  readonly #parts: UploadFormParts;
  readonly #places: RequestFiles;
  /**
   * What an application's functions find in `AsyncLocalStorage`: events of a request do not have
   * it.
   */
  readonly #scope = new AsyncResource('wx-cloud-storage:upload-form');
  readonly #storing: Promise<void>[] = [];

  constructor(request: UploadRequest, transaction: UploadTransaction, parts: UploadFormParts) {
    this.#request = request;
    this.#transaction = transaction;
    this.#parts = parts;
    this.#places = new RequestFiles(request, parts.selection);
  }

  /**
   * The first failure fails the request: the files that are on their way end, and all are removed.
   */
  async receive(): Promise<MissingFileClues> {
    const { limits, context, selection } = this.#parts;
    const { maxCounts } = selection;
    const memory = new RequestMemory(context.budget);
    // The text is there for as long as the request is.
    this.#transaction.onEnd(() => memory.release());
    try {
      const clues = await receiveForm(rawRequestOf(this.#request), {
        limits,
        memory,
        target: this.#request,
        assertTakesFile: name => this.#places.assertTakes(name),
        isFileField: name => maxCounts?.has(name) === true,
        onFile: (file, form) => this.#take(file, form),
        operations: context.operations,
        timeouts: context.options.timeouts,
      });
      return { maxCounts, ...clues };
    } catch (error) {
      const failure = await this.#transaction.fail(error);
      await Promise.allSettled(this.#storing);
      throw failure;
    }
  }

  /** Begins to store a file, which goes on while it comes. */
  #take(file: FormFile, form: ComingForm): TakenFile {
    const uploaded = { ...file };
    this.#places.add(uploaded);
    const { options, context, limits } = this.#parts;
    const { budget } = context;
    const { fileSize: limitBytes } = limits;
    const chunks = new ChunkQueue({ source: form, limitBytes, budget, fieldname: file.fieldname });
    const heads = fileHeadsOf(this.#request, this.#transaction, budget);
    const storing = this.#scope.runInAsyncScope(storeFormFile, undefined, {
      options,
      context,
      request: this.#request,
      transaction: this.#transaction,
      file,
      chunks,
      mostBytes: leastOf(form.mostFileBytes(), limitBytes),
    });
    const done = storing.then(({ stored, head }) =>
      heads.showOn(Object.assign(uploaded, stored), head),
    );
    this.#storing.push(done);
    return { sink: chunks, done };
  }
}

function leastOf(bytes: number | undefined, limitBytes: number): number | undefined {
  return bytes === undefined ? undefined : Math.min(bytes, limitBytes);
}
