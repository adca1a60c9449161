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

/** The end listeners of a connection's requests: with pipelining there may be many. */
const endingsOf = new WeakMap<Socket, Set<() => void>>();

/** A file that a request has stored. */
interface StoredFile {
  /** The file ID. */
  readonly fileId: string;
  /** The instance that stored it. */
  readonly context: StorageContext;
  /** True when nothing else can be stored at its path. */
  readonly isPathUnique: boolean;
}

/**
 * The files that one request has stored or is storing. They belong to the request until it
 * succeeds. They are deleted when the request fails in any way, when its client disconnects first,
 * or when the response is an error.
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
   * `hasResponded` reports a success that was sent before {@link UploadTransaction.settle} is
   * called for it.
   */
  constructor(hasResponded: () => boolean = () => false) {
    this.#hasResponded = hasResponded;
  }

  /**
   * Waits for a form to be read. Rejects at once when reading on is pointless: the client has
   * stalled, or the application closes.
   */
  untilGivenUp<T>(reading: T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      Promise.resolve(reading).then(resolve, reject);
    });
  }

  /** True when the form has brought a file. */
  get hasFiles(): boolean {
    return this.#fileCount > 0;
  }

  /** Returns the index of the next file of the form, from 0. */
  nextFileIndex(): number {
    return this.#fileCount++;
  }

  /** Runs an upload within the instance's time limit. It ends sooner when the request fails. */
  async run<T>(
    { operations }: Pick<StorageContext, 'operations'>,
    operation: string,
    upload: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = operations.start(operation, {});
    this.#running.add(deadline);
    try {
      // A response that was sent earlier cannot mention this file.
      if (this.#isOver()) await this.rollBack();
      deadline.signal.throwIfAborted();
      return await upload(deadline.signal);
    } finally {
      this.#running.delete(deadline);
      deadline.dispose();
    }
  }

  /**
   * Calls the listener once when the request ends, with true if its files are kept. If it has
   * already ended, calls it at once with false.
   */
  onEnd(listener: (isSuccess: boolean) => void): void {
    if (this.#isSettled) listener(false);
    else this.#endListeners.push(listener);
  }

  /** Registers a stored file. If the request has failed meanwhile, the file is deleted at once. */
  async track(file: StoredFile): Promise<void> {
    const isOver = this.#isOver();
    this.#files.set(file.fileId, file);
    const { context } = file;
    // Keeps the instance from closing before the transaction is settled.
    if (!this.#isSettled && !this.#holds.has(context))
      this.#holds.set(context, context.operations.hold());
    if (isOver) await this.rollBack();
  }

  /** Deletes one file, unless it was deleted before. */
  async delete(fileId: string): Promise<void> {
    this.#noticeResponse();
    const file = this.#files.get(fileId);
    if (file === undefined) return;
    this.#files.delete(fileId);
    await deleteLeftovers(file.context, [file]);
  }

  /**
   * Fails the request: ends uploads in progress and deletes stored files, except those that a
   * successful response has already confirmed. Can be called repeatedly.
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
   * Fails the request because of one file. Resolves with the first failure, which the parser is to
   * report: uploads that end because of it fail only afterwards.
   */
  async fail(error: unknown): Promise<unknown> {
    this.#failure ??= { error };
    const { error: first } = this.#failure;
    if (isReasonToGiveUp(first)) this.#giveUp(first);
    await this.rollBack();
    return first;
  }

  /**
   * Checks that a response can still be sent.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_REQUEST_ABORTED`
   */
  throwIfOver(): void {
    if (this.#isOver()) throw requestFailed();
  }

  /**
   * Settles the transaction: a successful response keeps the files, any other end deletes them. A
   * file still in progress cannot be part of the response, so it is aborted either way.
   */
  async settle(isSuccess: boolean): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    for (const listener of this.#endListeners) listener(isSuccess);
    if (isSuccess) this.#files.clear();
    // After a success there is usually nothing left to end.
    if (!isSuccess || this.#running.size > 0) await this.rollBack();
    for (const release of this.#holds.values()) release();
  }

  #isOver(): boolean {
    this.#noticeResponse();
    return this.#isSettled || this.#isRolledBack;
  }

  /**
   * Checks for a response that a handler sent itself, as the handler may fail before the response
   * emits an event.
   */
  #noticeResponse(): void {
    if (!this.#isSettled && this.#hasResponded()) void this.settle(true);
  }
}

/**
 * Begins the transaction of a request whose response is known, or returns the one already begun.
 * The end of the response settles it.
 */
export function beginTransaction(request: object, response: ServerResponse): UploadTransaction {
  const known = transactionProperty.read(request);
  if (known !== undefined) return known;
  const transaction = new UploadTransaction(() => isResponseSent(response));
  transactionProperty.write(request, transaction);
  // Never rejects: files that cannot be deleted are reported.
  onRequestEnd(response, isSuccess => void transaction.settle(isSuccess));
  return transaction;
}

/**
 * Returns the transaction of a request whose response is not known, as in a storage engine.
 * @throws {@link OptionsInvalidError} when the request's application does not import this module
 */
export function transactionOf(request: object): UploadTransaction {
  return transactionProperty.read(request) ?? beginTransaction(request, originOf(request).response);
}

/**
 * Deletes the request's files when the handler's result fails, before the error is passed on, and
 * when the subscriber unsubscribes before the first value, as an outer interceptor with a timeout
 * does.
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

/** True when a response was written completely, with a status below 400. */
function isResponseSent(response: ServerResponse): boolean {
  return response.writableEnded && response.statusCode < 400;
}

/**
 * Calls back once when a request has ended, with true if it succeeded: the response was written
 * completely, with a status below 400, while it was open. Transmission does not count: `inject()`
 * and serverless bridges do not confirm it, and an application that has responded relies on its
 * files, however much of the response arrives.
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
  // Runs before a bridge's own listener, which may emit 'close'.
  response.prependListener('finish', onFinish);
  response.on('close', onClose);
  if (connection !== undefined) onConnectionClose(connection, onClose);
}

/**
 * The HTTP/1.1 and HTTP/2 members of a response: HTTP/2 emits `finish` for streams that were reset,
 * too.
 */
interface AnyResponse {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  readonly stream?: { readonly destroyed: boolean } | undefined;
}

function isHttp2(response: ServerResponse): boolean {
  return (response as AnyResponse).stream !== undefined;
}

/** True when a response has already ended or closed, and emits no more events. */
function hasEnded(response: ServerResponse): boolean {
  const { closed, destroyed, stream }: AnyResponse = response;
  return response.writableEnded || [closed, destroyed, stream?.destroyed].includes(true);
}

/**
 * Returns the connection that a response may have to wait for. An HTTP/2 response has a stream of
 * its own, which closes with it. A bridge's stand-in for a connection is ignored: it need not even
 * emit events.
 */
function connectionOf(response: ServerResponse): Socket | undefined {
  if (isHttp2(response)) return undefined;
  const { socket } = (response.req as Partial<ServerResponse['req']> | undefined) ?? {};
  return socket instanceof Socket ? socket : undefined;
}

/**
 * Watches the connection, as a response that is queued behind others emits nothing when the
 * connection closes.
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
    message: 'The request has ended, so its files are not stored. No action is needed.',
  });
}
