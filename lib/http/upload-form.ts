import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import {
  assertNotEncoded,
  FormReader,
  isMultipart,
  readBoundary,
  type FormBody,
  type FormFile,
  type PartSink,
} from '../form/index.js';
import type { StorageContext } from '../storage/index.js';
import { assertRoomForForm, RequestMemory } from './capacity.js';
import { fileHeadsOf } from './file-heads.js';
import { FilePlaces, hideMethods, type FileSelection, type FileTarget } from './file-places.js';
import { FormReception } from './form-reception.js';
import { PieceQueue } from './piece-queue.js';
import { discardRest } from './refused-request.js';
import { rawRequestOf } from './request-origin.js';
import type { MissingFileClues } from './required-files.js';
import { storeFormFile } from './store-form-file.js';
import { isReasonToGiveUp, type StoredFiles } from './stored-files.js';
import { assertUnread } from './unread-request.js';
import type { CompleteUploadLimits } from './upload-limits.js';
import type { WxCloudHttpRequest, WxCloudUploadEngineOptions } from './upload-options.js';

/** An adapter's request, which takes what its form brings. */
export type UploadRequest = WxCloudHttpRequest & FileTarget & { body?: FormBody };

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

/**
 * Reads the form of a request and stores its files, several at a time where they come faster than
 * they are stored. Resolves when all of it was read and stored, with clues for a form without a
 * file, and with nothing done for a request without a form.
 * @throws {@link WxCloudStorageError} what is wrong with the form or with storing a file, once all
 * other files have ended
 */
export async function receiveUploadForm(
  request: UploadRequest,
  files: StoredFiles,
  parts: UploadFormParts,
): Promise<MissingFileClues> {
  const { 'content-type': contentType, 'content-encoding': contentEncoding } = request.headers;
  if (!isMultipart(contentType)) {
    hideMethods(request);
    return {};
  }
  assertNotEncoded(contentEncoding);
  assertUnread(rawRequestOf(request));
  const boundary = readBoundary(contentType);
  assertRoomForForm(parts.context.budget);
  const clues = await new UploadForm(request, files, parts).receive(boundary);
  files.throwIfOver();
  return clues;
}

class UploadForm {
  readonly #request: UploadRequest;
  readonly #raw: IncomingMessage;
  readonly #files: StoredFiles;
  readonly #parts: UploadFormParts;
  readonly #places: FilePlaces;
  /** What an application's functions find in `AsyncLocalStorage`: events of a request do not have it. */
  readonly #scope = new AsyncResource('wx-cloud-storage:upload-form');
  readonly #storing: Promise<void>[] = [];
  #reader: FormReader | undefined;
  #reception: FormReception | undefined;
  #isFailing = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(request: UploadRequest, files: StoredFiles, parts: UploadFormParts) {
    this.#request = request;
    this.#raw = rawRequestOf(request);
    this.#files = files;
    this.#parts = parts;
    this.#places = new FilePlaces(request, parts.selection);
  }

  async receive(boundary: string): Promise<MissingFileClues> {
    const { limits, context } = this.#parts;
    const body = (this.#request.body = Object.create(null) as FormBody);
    const onFile = (file: FormFile): PartSink => this.#take(file);
    const memory = new RequestMemory(context.budget);
    // The text is there for as long as the request is.
    this.#files.onEnd(() => memory.release());
    const assertTakesFile = (name: string): void => this.#places.assertTakes(name);
    const { maxCounts } = this.#parts.selection;
    const reader = new FormReader({
      boundary,
      limits,
      memory,
      body,
      assertTakesFile,
      isFileField: name => maxCounts?.has(name) === true,
      onFile,
    });
    this.#reader = reader;
    // Waited for like a file, as it removes those that are stored.
    const onFailure = (error: Error): unknown => this.#storing.push(this.#fail(error));
    const reception = new FormReception({ request: this.#raw, reader, context, onFailure });
    this.#reception = reception;
    reception.start();
    await reception.ended;
    await Promise.all(this.#storing);
    if (this.#failure !== undefined) throw this.#failure.error;
    return { maxCounts, ...reader.clues };
  }

  /** Begins to store a file, which goes on while it comes. */
  #take(file: FormFile): PartSink {
    const uploaded = { ...file };
    this.#places.add(uploaded);
    const { context, limits } = this.#parts;
    const source = this.#reception ?? this.#raw;
    const { fieldname } = file;
    const queue = { source, limitBytes: limits.fileSize, budget: context.budget, fieldname };
    const pieces = new PieceQueue(queue);
    const heads = fileHeadsOf(this.#request, this.#files, context.budget);
    const storing = this.#store(file, pieces).then(
      ({ stored, head }) => heads.showOn(Object.assign(uploaded, stored), head),
      (error: unknown) => {
        void pieces.return();
        return this.#fail(error);
      },
    );
    this.#storing.push(storing);
    return pieces;
  }

  #store(file: FormFile, pieces: PieceQueue): ReturnType<typeof storeFormFile> {
    const { options, context } = this.#parts;
    const of = { options, context, request: this.#request, files: this.#files };
    const mostBytes = this.#mostBytes();
    return this.#scope.runInAsyncScope(storeFormFile, undefined, {
      ...of,
      file,
      pieces,
      mostBytes,
    });
  }

  /** The most bytes that the file which begins now can have, by the length of the request. */
  #mostBytes(): number | undefined {
    const length = this.#raw.headers['content-length'];
    if (length === undefined || this.#reader === undefined) return undefined;
    return Math.min(this.#reader.mostContentBytes(Number(length)), this.#parts.limits.fileSize);
  }

  /**
   * The first failure fails the request: uploads on their way end, and what is left of the form is
   * discarded.
   */
  async #fail(error: unknown): Promise<void> {
    const reason = this.#reception?.explain(error) ?? error;
    this.#reception?.stop(reason as Error);
    if (!this.#isFailing && !isReasonToGiveUp(reason)) {
      void discardRest(this.#raw, this.#parts.context, this.#reception?.receivedBytes);
    }
    this.#isFailing = true;
    this.#failure = { error: await this.#files.failWith(reason) };
  }
}
