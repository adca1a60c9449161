import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Observable } from 'rxjs';
import { WxCloudStorageError } from '../errors/errors.js';
import { isReasonToGiveUp } from '../multipart/form-errors.js';
import type { Deadline } from '../operations/deadline.js';
import { deleteLeftovers } from '../storage/clean-up.js';
import type { StorageContext } from '../storage/storage-context.js';
import { originOf, RequestProperty } from './application-registry.js';

const transactionProperty = new RequestProperty<UploadTransaction>('uploadTransaction');

/** Shared by the requests of a connection, as clients may send many without waiting. */
const endingsOf = new WeakMap<Socket, Set<() => void>>();

/** A file that a request has stored. */
interface StoredFile {
  /** Its file ID. */
  readonly fileId: string;
  /** The instance that stored it. */
  readonly context: StorageContext;
  /** Nothing else can be stored at its path. */
  readonly isPathUnique: boolean;
}

/**
 * The files that one request has stored or is storing. They belong to the request until it is
 * answered with success: when it fails in any way, when its client goes away before that, or when
 * the answer is an error, they are removed.
 */
export class UploadTransaction {
  readonly #running = new Set<Deadline>();
  readonly #files = new Map<string, StoredFile>();
  readonly #holds = new Map<StorageContext, () => void>();
  readonly #endListeners: ((isSuccess: boolean) => void)[] = [];
  #isSettled = false;
  #isRolledBack = false;
  #fileCount = 0;
  #failure: { readonly error: unknown } | undefined;
  #giveUp: (error: unknown) => void = () => {};
  readonly #hasResponded: () => boolean;

  /**
   * The function tells of a success that has been answered before {@link UploadTransaction.settle} is
   * called for it.
   */
  constructor(hasResponded: () => boolean = () => false) {
    this.#hasResponded = hasResponded;
  }

  /**
   * Waits for whoever reads the form, but not for the rest of one that is not worth it: when its
   * client does not go on, or the application closes, it rejects at once.
   */
  untilGivenUp<T>(reading: T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      Promise.resolve(reading).then(resolve, reject);
    });
  }

  /** True when a file of the form has come. */
  get hasFiles(): boolean {
    return this.#fileCount > 0;
  }

  /** Numbers the files of the form as they come, from 0. */
  nextFileIndex(): number {
    return this.#fileCount++;
  }

  /**
   * Runs an upload within the time that the instance gives it; it ends sooner when the request
   * fails.
   */
  async run<T>(
    { operations }: Pick<StorageContext, 'operations'>,
    operation: string,
    upload: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = operations.start(operation, {});
    this.#running.add(deadline);
    try {
      // An answer that was sent before cannot speak of this file.
      if (this.#isOver()) await this.rollBack();
      deadline.signal.throwIfAborted();
      return await upload(deadline.signal);
    } finally {
      this.#running.delete(deadline);
      deadline.dispose();
    }
  }

  /**
   * Calls back once the request has ended, with whether its files are kept: at once, and with no,
   * when it has already.
   */
  onEnd(listener: (isSuccess: boolean) => void): void {
    if (this.#isSettled) listener(false);
    else this.#endListeners.push(listener);
  }

  /** Takes note of a stored file. When the request has failed meanwhile, it is removed at once. */
  async track(file: StoredFile): Promise<void> {
    const isOver = this.#isOver();
    this.#files.set(file.fileId, file);
    const { context } = file;
    // The instance is not to close before the file's fate is settled.
    if (!this.#isSettled && !this.#holds.has(context))
      this.#holds.set(context, context.operations.hold());
    if (isOver) await this.rollBack();
  }

  /** Removes one file, if that has not happened yet. */
  async delete(fileId: string): Promise<void> {
    this.#noticeResponse();
    const file = this.#files.get(fileId);
    if (file === undefined) return;
    this.#files.delete(fileId);
    await deleteLeftovers(file.context, [file]);
  }

  /**
   * The request has failed: ends uploads in progress and removes what is stored, but for files that
   * were answered with success before. Can be called again.
   */
  async rollBack(): Promise<void> {
    this.#noticeResponse();
    this.#isRolledBack = true;
    for (const { end } of this.#running) end(requestFailed());
    const byContext = new Map<StorageContext, StoredFile[]>();
    for (const file of this.#files.values()) {
      byContext.set(file.context, [...(byContext.get(file.context) ?? []), file]);
    }
    this.#files.clear();
    await Promise.all([...byContext].map(([context, files]) => deleteLeftovers(context, files)));
  }

  /**
   * One file failed, and so does the request. Resolves with the failure that was first, which the
   * parser is to report: the uploads that end because of it fail only afterwards.
   */
  async fail(error: unknown): Promise<unknown> {
    this.#failure ??= { error };
    const { error: first } = this.#failure;
    if (isReasonToGiveUp(first)) this.#giveUp(first);
    await this.rollBack();
    return first;
  }

  /**
   * Makes sure that there is still an answer to be given.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_REQUEST_ABORTED`
   */
  throwIfOver(): void {
    if (this.#isOver()) throw requestFailed();
  }

  /**
   * Decides by the answer: a success keeps the files, anything else removes them. A file that is
   * still on its way cannot have been part of the answer, so it is given up either way.
   */
  async settle(isSuccess: boolean): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    for (const listener of this.#endListeners) listener(isSuccess);
    if (isSuccess) this.#files.clear();
    // After a success there is, as a rule, nothing left to end.
    if (!isSuccess || this.#running.size > 0) await this.rollBack();
    for (const release of this.#holds.values()) release();
  }

  #isOver(): boolean {
    this.#noticeResponse();
    return this.#isSettled || this.#isRolledBack;
  }

  /** A handler may answer by itself, and fail before the response tells that it has ended. */
  #noticeResponse(): void {
    if (!this.#isSettled && this.#hasResponded()) void this.settle(true);
  }
}

/**
 * The files of a request whose response is known; from the first call on, their fate hangs on that.
 */
export function beginTransaction(request: object, response: ServerResponse): UploadTransaction {
  const known = transactionProperty.read(request);
  if (known !== undefined) return known;
  const transaction = new UploadTransaction(() => isResponseSent(response));
  transactionProperty.write(request, transaction);
  // Never rejects: what cannot be removed is reported.
  onRequestEnd(response, isSuccess => void transaction.settle(isSuccess));
  return transaction;
}

/**
 * The files of a request of which nothing else is known, as in a storage engine.
 * @throws {@link OptionsInvalidError} when it is none of an application's that has this module
 */
export function transactionOf(request: object): UploadTransaction {
  return transactionProperty.read(request) ?? beginTransaction(request, originOf(request).response);
}

/**
 * Removes the request's files when the handler's result fails, before the error goes on; and when
 * the result is given up before it had a value, as an outer interceptor's timeout does.
 */
export function rollBackOnError<T>(
  transaction: UploadTransaction,
  toError: (error: unknown) => unknown,
): (source: Observable<T>) => Observable<T> {
  return source =>
    new Observable<T>(subscriber => {
      let isDecided = false;
      const subscription = source.subscribe({
        next: value => {
          isDecided = true;
          subscriber.next(value);
        },
        error: (error: unknown) => {
          isDecided = true;
          void transaction.rollBack().then(() => subscriber.error(toError(error)));
        },
        complete: () => {
          isDecided = true;
          subscriber.complete();
        },
      });
      return () => {
        subscription.unsubscribe();
        if (!isDecided) void transaction.rollBack();
      };
    });
}

/** Tells whether a response has been given its whole answer, with a status below 400. */
function isResponseSent(response: ServerResponse): boolean {
  return response.writableEnded && response.statusCode < 400;
}

/**
 * Calls back once when a request has ended, with whether it was answered with success: the response
 * was given its whole answer, with a status below 400, while it was open. The transmission does not
 * count: `inject()` and bridges to functions confirm none, and an application that has answered
 * relies on its files, however much of the answer arrives.
 */
function onRequestEnd(response: ServerResponse, callback: (isSuccess: boolean) => void): void {
  const connection = connectionOf(response);
  const end = (isWhole: boolean): void => {
    response.off('finish', onFinish);
    response.off('close', onClose);
    if (connection !== undefined) endingsOf.get(connection)?.delete(onClose);
    callback(isWhole && response.statusCode < 400);
  };
  const onFinish = (): void => end(!isHttp2(response) || response.writableEnded);
  const onClose = (): void => end(response.writableEnded);
  if (hasEnded(response) || connection?.destroyed === true) return onClose();
  // Before a bridge's own listener, which may emit 'close'.
  response.prependListener('finish', onFinish);
  response.on('close', onClose);
  if (connection !== undefined) onConnectionClose(connection, onClose);
}

/**
 * The response as the versions of HTTP have it: HTTP/2 emits `finish` for streams that were reset
 * as well.
 */
interface AnyResponse {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  readonly stream?: { readonly destroyed: boolean } | undefined;
}

function isHttp2(response: ServerResponse): boolean {
  return (response as AnyResponse).stream !== undefined;
}

/** Nothing will be heard any more from a response that has ended or closed before. */
function hasEnded(response: ServerResponse): boolean {
  const { closed, destroyed, stream }: AnyResponse = response;
  return response.writableEnded || [closed, destroyed, stream?.destroyed].includes(true);
}

/**
 * The connection that a response may have to wait for. HTTP/2 has a stream for each response, which
 * closes with it; what a bridge puts in the place of a connection tells nothing, and need not even
 * emit events.
 */
function connectionOf(response: ServerResponse): Socket | undefined {
  if (isHttp2(response)) return undefined;
  const { socket } = (response.req as Partial<ServerResponse['req']> | undefined) ?? {};
  return socket instanceof Socket ? socket : undefined;
}

/**
 * A response that waits behind others of its connection does not itself tell that the connection is
 * gone.
 */
function onConnectionClose(connection: Socket, callback: () => void): void {
  const known = endingsOf.get(connection);
  if (known !== undefined) {
    known.add(callback);
    return;
  }
  const endings = new Set([callback]);
  endingsOf.set(connection, endings);
  connection.once('close', () => {
    for (const each of endings) each();
  });
}

function requestFailed(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_REQUEST_ABORTED',
    message: 'The request has ended, so its files are not stored. Nothing needs to be done.',
  });
}
