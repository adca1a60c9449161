import { AsyncResource } from 'node:async_hooks';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { ChunkQueue } from '../../body/chunk-queue.js';
import { HEAD_BYTES } from '../../body/upload-body.js';
import { OptionsInvalidError } from '../../errors/errors.js';
import type { FormFile } from '../../multipart/form-reader.js';
import { isMultipart } from '../../multipart/part-headers.js';
import { type ComingForm, receiveForm, type TakenFile } from '../../multipart/receive-form.js';
import type { FormFields } from '../../multipart/text-fields.js';
import type { StorageContext } from '../../storage/storage-context.js';
import { rawRequestOf, type WxCloudHttpRequest } from '../request-origin.js';
import { RequestMemory } from '../refused-request.js';
import type { UploadTransaction } from '../upload-transaction.js';
import { fileHeadsOf } from './file-heads.js';
import type { PredictionRecord, PredictionRecords } from './prediction-record.js';
import {
  RequestFiles,
  type FileSelection,
  type FileTarget,
  hideMethods,
  type MissingFileClues,
  mostFilesOf,
} from './request-files.js';
import { storeFormFile } from './store-file.js';
import {
  assertFormLength,
  type CompleteUploadLimits,
  type WxCloudUploadEngineOptions,
} from './upload-options.js';
import type { SizePrediction } from './upload-source.js';

/** An adapter's request, which receives the files and fields of its form. */
export type UploadRequest = WxCloudHttpRequest & FileTarget & { body?: FormFields };

/** The settings of a route's forms. */
export interface UploadFormParts {
  /** The options for their files. */
  readonly options: WxCloudUploadEngineOptions;
  /** The instance that stores the files. */
  readonly context: StorageContext;
  /** The limits of a form. */
  readonly limits: CompleteUploadLimits;
  /** The files that a form may have. */
  readonly selection: FileSelection;
  /** The records of the predicted sizes of their files. */
  readonly predictions: PredictionRecords;
}

/** Files up to this size are awaited, as they are short. */
const LEAST_AHEAD_BYTES = 65_536;

/** The instances of Fastify that are prepared. */
const prepared = new WeakSet<object>();

/**
 * Prepares the adapter, before it starts, for forms that interceptors read themselves. Fastify
 * rejects bodies of types without a parser. The parser is registered with an expression, which
 * ranks behind the type name that `@fastify/multipart` registers, so that an application can use
 * both.
 * @throws {@link OptionsInvalidError} for an unsupported adapter
 */
export function prepareForForms(adapter: AbstractHttpAdapter): void {
  const type = adapter.getType();
  if (type === 'express') return;
  if (type !== 'fastify') throw unsupported();
  const application: {
    addContentTypeParser(
      type: RegExp,
      parser: (request: unknown, payload: unknown, done: (error: Error | null) => void) => void,
    ): unknown;
  } = adapter.getInstance();
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
    remedy:
      'Create the application with one of these, or call WxCloudStorageService.upload in the handler.',
  });
}

/**
 * Reads the form of a request and stores its files, several at a time where they arrive faster than
 * they are stored. Resolves when everything is read and stored, with clues for a form without a
 * file. Does nothing for a request without a form. `route` is the handler of the request.
 * @throws {@link WxCloudStorageError} the problem of the form or of storing a file, after all other
 * files have ended
 */
export async function receiveUploadForm(
  request: UploadRequest,
  transaction: UploadTransaction,
  parts: UploadFormParts,
  route: object,
): Promise<MissingFileClues> {
  if (!isMultipart(request.headers['content-type'])) {
    hideMethods(request);
    return {};
  }
  const clues = await new UploadReceiver(request, transaction, parts, route).receive();
  transaction.throwIfOver();
  return clues;
}

class UploadReceiver {
  readonly #request: UploadRequest;
  readonly #transaction: UploadTransaction;
  readonly #parts: UploadFormParts;
  readonly #files: RequestFiles;
  /**
   * Preserves `AsyncLocalStorage` for the application's functions: the events of a request lose it.
   */
  readonly #scope = new AsyncResource('wx-cloud-storage:upload-form');
  readonly #storing: Promise<void>[] = [];
  readonly #predictions: PredictionRecord;
  /** False in a form that went on after a file that was predicted to be its last part. */
  #mayPredict: boolean;

  constructor(
    request: UploadRequest,
    transaction: UploadTransaction,
    parts: UploadFormParts,
    route: object,
  ) {
    this.#request = request;
    this.#transaction = transaction;
    this.#parts = parts;
    this.#files = new RequestFiles(request, parts.selection);
    this.#predictions = parts.predictions.of(route);
    this.#mayPredict = this.#predictions.beginForm();
  }

  /**
   * Receives the form. The first failure fails the request: files in progress are aborted, and all
   * files are deleted.
   */
  async receive(): Promise<MissingFileClues> {
    const { limits, context, selection } = this.#parts;
    const { maxCounts } = selection;
    const memory = new RequestMemory(context.budget);
    // The text is kept as long as the request.
    this.#transaction.onEnd(() => memory.release());
    try {
      const clues = await receiveForm(rawRequestOf(this.#request), {
        limits,
        memory,
        target: this.#request,
        assertTakesFile: name => this.#files.assertTakes(name),
        isFileField: name => maxCounts?.has(name) === true,
        onFile: (file, form) => this.#take(file, form),
        assertLength: bytes => assertFormLength(bytes, limits, mostFilesOf(selection)),
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

  /** Starts storing a file while it arrives. */
  #take(file: FormFile, form: ComingForm): TakenFile {
    const uploaded = { ...file };
    this.#files.add(uploaded);
    const { options, context, limits } = this.#parts;
    const { budget } = context;
    const { fileSize: limitBytes } = limits;
    const chunks = new ChunkQueue(form, limitBytes, budget, file.fieldname);
    const heads = fileHeadsOf(this.#request, this.#transaction, budget);
    const prediction = this.#predict(form);
    if (this.#isReadSoon(form, prediction)) chunks.readyAt(HEAD_BYTES);
    const storing = this.#scope.runInAsyncScope(storeFormFile, undefined, {
      options,
      context,
      request: this.#request,
      transaction: this.#transaction,
      file,
      chunks,
      mostBytes: leastOf(form.likelyFileBytes(), limitBytes),
      prediction,
    });
    const done = storing.then(({ stored, head }) =>
      heads.showOn(Object.assign(uploaded, stored), head),
    );
    this.#storing.push(done);
    return { sink: chunks, done };
  }

  /**
   * True for a file that is sent, or whose link is asked for, while it arrives. One of declared
   * size is not kept once it is read.
   */
  #isReadSoon(form: ComingForm, prediction: SizePrediction | undefined): boolean {
    const { options, context } = this.#parts;
    if (!context.options.upload.sendAhead || options.declaredSize !== undefined) return false;
    return prediction !== undefined || form.likelyFileBytes() === undefined;
  }

  /** Predicts the size of a file: the rest of the form. */
  #predict(form: ComingForm): SizePrediction | undefined {
    const { limits, context } = this.#parts;
    const predictions = this.#predictions;
    const bytes = context.options.upload.sendAhead ? form.likelyFileBytes() : undefined;
    if (!this.#mayPredict || predictions.isPaused || bytes === undefined) return undefined;
    if (bytes <= LEAST_AHEAD_BYTES || bytes > limits.fileSize) return undefined;
    let isRecorded = false;
    return {
      bytes,
      untilWhole: () => form.untilWhole(),
      record: isRight => {
        if (isRecorded) return;
        isRecorded = true;
        if (!isRight) this.#mayPredict = false;
        predictions.record(isRight);
      },
    };
  }
}

function leastOf(bytes: number | undefined, limitBytes: number): number | undefined {
  return bytes === undefined ? undefined : Math.min(bytes, limitBytes);
}
