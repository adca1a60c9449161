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
import {
  findInstanceOfRequest,
  originOf,
  rawRequestOf,
  RequestProperty,
  type WxCloudHttpRequest,
} from '../application-registry.js';
import { toLoggedException } from '../http-exception.js';
import {
  announceRetry,
  assertRoomForForm,
  closeAfterResponse,
  endBody,
} from '../refused-request.js';
import { namingSubject, noteEngine } from '../startup/enhancers.js';
import { transactionOf } from '../upload-transaction.js';
import { fileHeadsOf } from './file-heads.js';
import { storeFormFile } from './store-file.js';
import { assertEngineOptions } from './upload-option-checks.js';
import type { WxCloudUploadEngineOptions } from './upload-options.js';

/** Gives back a name in UTF-8 that was taken for Latin-1; any other name stays as it is. */
export function decodeLatin1Name(name: string): string {
  const bytes = Buffer.from(name, 'latin1');
  const isLatin1 = bytes.toString('latin1') === name;
  return isLatin1 && isUtf8(bytes) ? bytes.toString('utf8') : name;
}

/** The content of a file, as a form parser gives it. */
interface EngineStream extends Readable {
  /** True when it was cut off at `limits.fileSize`. */
  readonly truncated?: boolean;
}

/**
 * Reads a stream piece by piece and leaves it as it is when the reading ends early: form parsers do
 * not survive that one of their streams is destroyed. Costs less than the stream's own iterator,
 * and joins no pieces.
 */
function readStream(stream: EngineStream, budget: MemoryBudget, fieldname: string): ChunkQueue {
  // Its parser has the limit, and cuts off a file that passes it.
  const chunks = new ChunkQueue({ source: stream, limitBytes: Infinity, budget, fieldname });
  const onClose = (): void => chunks.fail(new Error('The stream was closed before its end.'));
  stream.on('data', (chunk: Uint8Array) => chunks.add(chunk));
  stream.once('end', () => (stream.truncated === true ? chunks.failTooLarge() : chunks.end()));
  // A part that is cut off there ends only with its content, if that has an end.
  stream.once('limit', () => chunks.failTooLarge());
  stream.once('error', (error: unknown) => chunks.fail(error));
  stream.once('close', onClose);
  if (stream.readableEnded) chunks.end();
  else if (stream.destroyed) onClose();
  return chunks;
}

type EngineContext = Pick<StorageContext, 'operations' | 'options'>;

/**
 * Bounds a request that a form parser of somebody else reads, from its first file on: the time
 * without a byte, the time altogether, and what is read of it after a refusal. The parser answers
 * only once the request has ended, so that is what it is told where the rest is not read.
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
  /** Files that are being stored. */
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

  /** A file begins. */
  begin(): void {
    this.#pendingCount += 1;
  }

  /** The parser is about to be told what has become of a file. */
  finish(): void {
    this.#pendingCount -= 1;
    if (this.#isCut) this.#endBody();
  }

  /** The form is refused: its parser may read on for a while. */
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

  /** The parser has the client wait while a file is stored more slowly than it comes. */
  #onIdle(idleMs: number): void {
    if (this.#request.isPaused()) this.#idle.start();
    else this.#giveUp(stalled(idleMs));
  }

  readonly #onClosed = (): void => this.#giveUp(this.#operation.signal.reason);

  /** The first failure is the one that the parser is told by a file that is on its way. */
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

  /** Only once the parser knows why: it would take the end for the client's fault. */
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

/** Bounds a request from its first file on. Can be called for each. */
function boundEngineRequest(request: object, context: EngineContext): EngineRequest {
  const known = engineRequestProperty.read(request);
  if (known !== undefined) return known;
  const bounded = new EngineRequest(request, context);
  engineRequestProperty.write(request, bounded);
  return bounded;
}

/** The bounds of a request; undefined before its first file. */
function findEngineRequest(request: object): EngineRequest | undefined {
  return engineRequestProperty.read(request);
}

/** What multer hands to a storage engine. */
interface EngineFile {
  /** The name of the form field. */
  readonly fieldname: string;
  /** The name that the client gave. */
  readonly originalname: string;
  /** The type that the client claimed. */
  readonly mimetype: string;
  /** The content. */
  readonly stream: EngineStream;
}

/** What the parser adds to its own description of a file. */
type StoredUpload = WxCloudStoredFile & Pick<EngineFile, 'originalname'>;

/** multer's storage contract, which Nest's Fastify adapter shares. */
export interface WxCloudUploadEngine {
  /** Stores one file of a form. */
  _handleFile(
    request: WxCloudHttpRequest,
    file: EngineFile,
    callback: (error: unknown, info?: Partial<StoredUpload>) => void,
  ): void;
  /** Removes a file that was stored before the form failed. */
  _removeFile(
    request: WxCloudHttpRequest,
    file: Pick<EngineFile, 'fieldname'> & { readonly fileId?: string },
    callback: (error: Error | null) => void,
  ): void;
}

/**
 * The storage engine alone, for Nest's own interceptors: `FileInterceptor('photo', { storage:
 * wxCloudUpload() })`. Files of a request that is not answered with success are removed. Set
 * `limits` there: multer has none by default.
 * @throws {@link OptionsInvalidError} when `path` is a prefix that no path may have, or another
 * option is wrong
 */
export function wxCloudUpload(options: WxCloudUploadEngineOptions = {}): WxCloudUploadEngine {
  namingSubject('wxCloudUpload()', () => assertEngineOptions(options));
  const store = callbackify((request: WxCloudHttpRequest, file: EngineFile) =>
    storeOrDrain(options, request, file),
  );
  return noteEngine({
    _handleFile: (request, file, callback) => store(request, file, callback),
    _removeFile: (request, file, callback) => removeWithCallback(request, file, callback),
  });
}

const removeWithCallback = callbackify(removeFile);

async function removeFile(
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
    const { context } = findInstanceOfRequest(request, options.storage);
    bounded = boundEngineRequest(request, context);
    bounded.begin();
    return await storeFile(options, context, request, file);
  } catch (error) {
    // Parsers go on only when every file was read to its end; destroying the stream would stop
    // them.
    drain(file.stream);
    bounded?.refuse(error);
    const failure = await transactionOf(request).fail(error);
    announceRetry(originOf(request).response, failure);
    throw toLoggedException(failure, request);
  } finally {
    bounded?.finish();
  }
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
 * multer's default; whoever has set it to UTF-8 loses nothing, but for names that look like twice
 * encoded.
 */
function takesNamesForLatin1(request: object): boolean {
  return 'app' in request;
}

/**
 * Works whatever else listens to the stream, unlike `resume()`, which a `readable` listener
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
