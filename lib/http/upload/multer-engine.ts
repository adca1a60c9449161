import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers';
import { callbackify } from 'node:util';
import { ChunkQueue } from '../../body/chunk-queue.js';
import { IdleTimer } from '../../body/idle-timer.js';
import type { MemoryBudget } from '../../body/memory-budget.js';
import { toFileName } from '../../errors/client-text.js';
import { isReasonToGiveUp, stalled, tookTooLong } from '../../multipart/form-errors.js';
import {
  assertBytes,
  MAX_DISCARDED_BYTES,
  MAX_DISCARDING_MS,
} from '../../multipart/receive-form.js';
import type { Deadline } from '../../operations/deadline.js';
import { MAX_TIMER_MS } from '../../options/validation.js';
import type { WxCloudStoredFile } from '../../storage/call-options.js';
import type { StorageContext } from '../../storage/storage-context.js';
import { anyInstance, findInstanceOfRequest, instancesOfRequest } from '../application-registry.js';
import {
  originOf,
  rawRequestOf,
  RequestProperty,
  type WxCloudHttpRequest,
} from '../request-origin.js';
import { toLoggedException } from '../http-exception.js';
import {
  announceRetry,
  assertRoomForForm,
  closeAfterResponse,
  endBody,
} from '../refused-request.js';
import { namingSubject, recordEngine } from '../startup/enhancers.js';
import { chooseInstance, readStorageOption, subjectOf } from '../storage-option.js';
import { transactionOf } from '../upload-transaction.js';
import { fileHeadsOf } from './file-heads.js';
import { storeFormFile } from './store-file.js';
import { assertEngineOptions } from './upload-option-checks.js';
import type { WxCloudUploadEngineOptions } from './upload-options.js';

/** Decodes a UTF-8 name that was read as Latin-1; returns any other name unchanged. */
export function decodeLatin1Name(name: string): string {
  const bytes = Buffer.from(name, 'latin1');
  const isLatin1 = bytes.toString('latin1') === name;
  return isLatin1 && isUtf8(bytes) ? bytes.toString('utf8') : name;
}

/** The content of a file, as a form parser provides it. */
interface EngineStream extends Readable {
  /** True when the parser cut it off at `limits.fileSize`. */
  readonly truncated?: boolean;
}

/**
 * Reads a stream chunk by chunk, and does not destroy it when reading ends early: form parsers
 * break when one of their streams is destroyed. Cheaper than the stream's own iterator, and does
 * not join chunks.
 */
function readStream(stream: EngineStream, budget: MemoryBudget, fieldname: string): ChunkQueue {
  // The parser has the limit, and cuts off a larger file.
  const chunks = new ChunkQueue(stream, Infinity, budget, fieldname);
  const onClose = (): void => chunks.fail(new Error('The stream was closed before its end.'));
  stream.on('data', (chunk: Uint8Array) => chunks.add(chunk));
  stream.once('end', () => (stream.truncated === true ? chunks.failTooLarge() : chunks.end()));
  // A truncated part ends only with its content, which may never end.
  stream.once('limit', () => chunks.failTooLarge());
  stream.once('error', (error: unknown) => chunks.fail(error));
  stream.once('close', onClose);
  if (stream.readableEnded) chunks.end();
  else if (stream.destroyed) onClose();
  return chunks;
}

type EngineContext = Pick<StorageContext, 'operations' | 'options'>;

/**
 * Bounds a request that another library's form parser reads, from its first file on: the idle time,
 * the total time, and the bytes read after a refusal. The parser responds only after the request
 * has ended, so it is given an early end where the rest is not read.
 */
class EngineRequest {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #onGivenUp: (error: unknown) => unknown;
  readonly #idle: IdleTimer;
  readonly #total: IdleTimer;
  readonly #operation: Deadline;
  /** The bytes that may still come; infinite until the form is refused. */
  #leftBytes = Infinity;
  #refusalTimer: NodeJS.Timeout | undefined;
  /** The number of files that are being stored. */
  #pendingCount = 0;
  #isCut = false;
  #isOver = false;

  constructor(request: object, { operations, options }: EngineContext) {
    this.#request = rawRequestOf(request);
    this.#response = originOf(request).response;
    const transaction = transactionOf(request);
    this.#onGivenUp = error => transaction.fail(error);
    const { idleMs, totalMs } = options.timeouts;
    this.#idle = new IdleTimer(idleMs, () => this.#onIdle(idleMs));
    this.#total = new IdleTimer(totalMs, () => this.#giveUp(tookTooLong(totalMs)));
    this.#operation = operations.start('receiving a form', { timeoutMs: MAX_TIMER_MS });
    this.#start();
  }

  /** Counts a file whose upload begins. */
  begin(): void {
    this.#pendingCount += 1;
  }

  /** Counts a file whose result is about to be passed to the parser. */
  finish(): void {
    this.#pendingCount -= 1;
    if (this.#isCut) this.#endBody();
  }

  /** Refuses the form: the parser may read on for a limited time. */
  refuse(error?: unknown): void {
    if (this.#isOver) return;
    if (isReasonToGiveUp(error) || this.#request.httpVersionMajor !== 1) return this.#end();
    if (this.#leftBytes !== Infinity) return;
    this.#leftBytes = MAX_DISCARDED_BYTES;
    this.#refusalTimer = setTimeout(this.#end, MAX_DISCARDING_MS);
  }

  #start(): void {
    this.#idle.start();
    this.#total.start();
    this.#request.on('data', this.#onData);
    for (const event of ['end', 'close', 'error']) this.#request.once(event, this.#stop);
    this.#operation.signal.addEventListener('abort', this.#onClosed);
    if (this.#operation.signal.aborted) this.#onClosed();
    else if (this.#request.readableEnded || this.#request.destroyed) this.#stop();
  }

  readonly #onData = (bytes: Uint8Array): void => {
    this.#idle.touch();
    this.#leftBytes -= bytes.byteLength;
    if (this.#leftBytes < 0) this.#end();
  };

  /**
   * Tolerates pauses of the parser, which holds the client back while a file is stored more slowly
   * than it arrives.
   */
  #onIdle(idleMs: number): void {
    if (this.#request.isPaused()) this.#idle.start();
    else this.#giveUp(stalled(idleMs));
  }

  readonly #onClosed = (): void => this.#giveUp(this.#operation.signal.reason);

  /** Fails the request. A file in progress reports the first failure to the parser. */
  #giveUp(error: unknown): void {
    void this.#onGivenUp(error);
    this.#end();
  }

  readonly #end = (): void => {
    this.#stop();
    closeAfterResponse(this.#request, this.#response);
    this.#isCut = true;
    this.#endBody();
  };

  /** Waits until the parser knows the reason: it would blame an early end on the client. */
  #endBody(): void {
    if (this.#pendingCount === 0) setImmediate(() => endBody(this.#request));
  }

  readonly #stop = (): void => {
    this.#isOver = true;
    this.#idle.stop();
    this.#total.stop();
    clearTimeout(this.#refusalTimer);
    this.#request.off('data', this.#onData);
    for (const event of ['end', 'close', 'error']) this.#request.off(event, this.#stop);
    this.#operation.signal.removeEventListener('abort', this.#onClosed);
    this.#operation.dispose();
  };
}

const engineRequestProperty = new RequestProperty<EngineRequest>('engineRequest');

/** Bounds a request from its first file on. Can be called for each file. */
function boundEngineRequest(request: object, context: EngineContext): EngineRequest {
  const known = engineRequestProperty.read(request);
  if (known !== undefined) return known;
  const bounded = new EngineRequest(request, context);
  engineRequestProperty.write(request, bounded);
  return bounded;
}

/** Returns the bounds of a request; undefined before its first file. */
function findEngineRequest(request: object): EngineRequest | undefined {
  return engineRequestProperty.read(request);
}

/** A file as multer passes it to a storage engine. */
interface EngineFile {
  /** The name of the form field. */
  readonly fieldname: string;
  /** The client's name for the file. */
  readonly originalname: string;
  /** The type that the client claimed. */
  readonly mimetype: string;
  /** The content. */
  readonly stream: EngineStream;
}

/** The properties that the parser adds to its own description of a file. */
type StoredUpload = WxCloudStoredFile & Pick<EngineFile, 'originalname'>;

/** multer's storage engine contract, which Nest's Fastify adapter shares. */
export interface WxCloudUploadEngine {
  /** Stores one file of a form. */
  _handleFile(
    request: WxCloudHttpRequest,
    file: EngineFile,
    callback: (error: unknown, info?: Partial<StoredUpload>) => void,
  ): void;
  /** Deletes a file that was stored before the form failed. */
  _removeFile(
    request: WxCloudHttpRequest,
    file: Pick<EngineFile, 'fieldname'> & { readonly fileId?: string },
    callback: (error: Error | null) => void,
  ): void;
}

/**
 * Creates a storage engine for Nest's own interceptors. The files of a request that does not
 * succeed are deleted. Set `limits` on the interceptor: multer has none by default.
 * @throws {@link OptionsInvalidError} when `path` is a prefix that makes every path invalid, or
 * another option is invalid
 * @example
 * ```ts
 * import { Controller, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
 * import { FileInterceptor } from '@nestjs/platform-express';
 * import { type WxCloudUploadedFile, wxCloudUpload } from 'nestjs-wx-cloud-storage';
 *
 * const photo = FileInterceptor('photo', {
 *   storage: wxCloudUpload({ path: 'photos/', contentTypes: ['image/*'] }),
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
export function wxCloudUpload(options: WxCloudUploadEngineOptions = {}): WxCloudUploadEngine {
  namingSubject('wxCloudUpload()', () => assertEngineOptions(options));
  const store = callbackify((request: WxCloudHttpRequest, file: EngineFile) =>
    storeOrDrain(options, request, file),
  );
  return recordEngine({
    _handleFile: (request, file, callback) => store(request, file, callback),
    _removeFile: (request, file, callback) => deleteWithCallback(request, file, callback),
  });
}

const deleteWithCallback = callbackify(deleteFile);

async function deleteFile(
  request: WxCloudHttpRequest,
  { fileId }: { readonly fileId?: string },
): Promise<void> {
  // Parsers remove files when a form has failed, and when their route refuses them.
  findEngineRequest(request)?.refuse();
  if (fileId !== undefined) await transactionOf(request).delete(fileId);
}

async function storeOrDrain(
  options: WxCloudUploadEngineOptions,
  request: WxCloudHttpRequest,
  file: EngineFile,
): Promise<StoredUpload> {
  let bounded: EngineRequest | undefined;
  try {
    const context = await findContext(options, request, file);
    bounded = boundEngineRequest(request, context);
    bounded.begin();
    return await storeFile(options, context, request, file);
  } catch (error) {
    // Parsers continue only after each file was read to its end; destroying the stream would block
    // them.
    drain(file.stream);
    (bounded ?? boundByAny(request))?.refuse(error);
    const failure = await transactionOf(request).fail(error);
    announceRetry(originOf(request).response, failure);
    throw toLoggedException(failure, request);
  } finally {
    bounded?.finish();
  }
}

/** Finds the instance that stores the file, and keeps it until the request has ended. */
async function findContext(
  options: WxCloudUploadEngineOptions,
  request: WxCloudHttpRequest,
  { stream }: EngineFile,
): Promise<StorageContext> {
  const { name, choose } = readStorageOption(options);
  if (choose === undefined) return findInstanceOfRequest(request, name).context;
  // The client may leave before anything else listens.
  stream.on('error', () => {});
  const instances = instancesOfRequest(request);
  const subject = subjectOf('wxCloudUpload()');
  const { context } = await chooseInstance(choose, { request, instances, subject });
  transactionOf(request).hold(context);
  return context;
}

/** Bounds a request for which there is no instance, with the time limits of any other. */
function boundByAny(request: WxCloudHttpRequest): EngineRequest | undefined {
  const instance = anyInstance(instancesOfRequest(request));
  return instance && boundEngineRequest(request, instance.context);
}

async function storeFile(
  options: WxCloudUploadEngineOptions,
  context: StorageContext,
  request: WxCloudHttpRequest,
  { stream, fieldname, originalname: given, mimetype }: EngineFile,
): Promise<StoredUpload> {
  const transaction = transactionOf(request);
  assertBytes(rawRequestOf(request));
  if (!transaction.hasFiles) assertRoomForForm(context.budget);
  const originalname = toFileName(takesNamesForLatin1(request) ? decodeLatin1Name(given) : given);
  const { stored, head } = await storeFormFile({
    options,
    context,
    request,
    transaction,
    file: { fieldname, originalname, mimetype },
    chunks: readStream(stream, context.budget, fieldname),
  });
  fileHeadsOf(request, transaction, context.budget).showOnRequest(request, stored.fileId, head);
  return { ...stored, originalname };
}

/**
 * True for requests of multer, which reads names as Latin-1 by default. If it is set to UTF-8, only
 * names that look double-encoded change.
 */
function takesNamesForLatin1(request: object): boolean {
  return 'app' in request;
}

/**
 * Discards a stream whatever else listens to it, unlike `resume()`, which a `readable` listener
 * disables.
 */
function drain(stream: Readable): void {
  const discard = (): void => {
    while (stream.read() !== null);
  };
  stream.on('readable', discard);
  stream.on('error', () => {});
  discard();
}
