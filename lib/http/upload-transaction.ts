import type { ServerResponse } from 'node:http';
import { WxCloudStorageError } from '../errors/errors.js';
import { isReasonToGiveUp } from '../multipart/form-errors.js';
import type { Deadline } from '../operations/deadline.js';
import { deleteLeftovers } from '../storage/clean-up.js';
import { filesLost } from '../storage/settle-stored.js';
import type { StorageContext } from '../storage/storage-context.js';
import { originOf, RequestProperty } from './request-origin.js';
import { onRequestEnd, type RequestEnd } from './request-end.js';
import { TransactionResponse } from './transaction-response.js';

const transactionProperty = new RequestProperty<UploadTransaction>('uploadTransaction');

/** A file that a request has stored. */
interface StoredFile {
  /** The file ID. */
  readonly fileId: string;
  /** The instance that stored it. */
  readonly context: StorageContext;
  /** True when nothing else can be stored at its path. */
  readonly isPathUnique: boolean;
}

/** A stored file, and its state in the ledger of its instance. */
interface TrackedFile extends StoredFile {
  /** `lost` files may have been deleted by a sweep; `unlisted` ones are not in the ledger. */
  state: 'unlisted' | 'listed' | 'settling' | 'settled' | 'lost';
}

/**
 * The files that one request has stored or is storing. They belong to the request until it
 * succeeds. They are deleted when the request fails in any way, when its client disconnects first,
 * or when the response is an error.
 */
export class UploadTransaction {
  readonly #running = new Set<Deadline>();
  readonly #files = new Map<string, TrackedFile>();
  /** Files that nothing deletes any more. */
  readonly #kept = new Map<string, Promise<void>>();
  readonly #holds = new Map<StorageContext, () => void>();
  readonly #endListeners: ((isSuccess: boolean) => void)[] = [];
  readonly #response: TransactionResponse | undefined;
  /** Files that are being settled because they are kept. */
  readonly #keeping = new Set<Promise<unknown>>();
  #committing: Promise<void> | undefined;
  #isCommitted = false;
  #isEnded = false;
  #isSuccess = false;
  #isRolledBack = false;
  /** True while the files are deleted because the handler has failed. */
  #isFailing = false;
  #fileCount = 0;
  #failure: { readonly error: unknown } | undefined;
  #giveUp: (error: unknown) => void = () => {};

  /**
   * `response` reports a success before {@link UploadTransaction.end} is called for it, and holds
   * it back until the commit.
   */
  constructor(response?: TransactionResponse) {
    this.#response = response;
    response?.holdUntilCommit(this);
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
    if (this.#isEnded) listener(false);
    else this.#endListeners.push(listener);
  }

  /** Registers a stored file. If the request has failed meanwhile, the file is deleted at once. */
  async track(stored: StoredFile): Promise<void> {
    const { context, fileId } = stored;
    // A response that waits for its commit cannot mention this file.
    if (this.#response?.isAnswerHeld() === true) return deleteLeftovers(context, [stored]);
    const isOver = this.#isOver();
    const file: TrackedFile = { ...stored, state: isListed(stored) ? 'listed' : 'unlisted' };
    if (file.state === 'listed') this.#response?.watch();
    this.#files.set(fileId, file);
    this.#isCommitted = false;
    this.hold(context);
    if (isOver) await this.rollBack();
    else if (file.state === 'listed') this.#response?.countIn(context.budget);
  }

  /** Keeps an instance from closing before the request has ended. */
  hold(context: StorageContext): void {
    if (this.#isEnded || this.#holds.has(context)) return;
    this.#holds.set(context, context.operations.hold());
  }

  /** True while a success has to wait for {@link UploadTransaction.commit}. */
  get isCommitDue(): boolean {
    if (this.#isEnded) return false;
    // Also while files are deleted: no success is sent meanwhile.
    if (this.#isFailing || this.#committing !== undefined) return true;
    if (this.#isRolledBack) return false;
    if (this.#keeping.size > 0) return true;
    return [...this.#files.values()].some(({ state }) => state === 'listed' || state === 'lost');
  }

  /**
   * Settles the files in the ledgers of their instances, before the success is sent: from then on a
   * client that leaves changes nothing. Can be called repeatedly.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PENDING_LOST` when a file can no longer be
   * promised, `WX_CLOUD_REQUEST_ABORTED` when the request has failed meanwhile; all are deleted
   */
  commit(): Promise<void> {
    this.#committing ??= this.#settleAll().finally(() => (this.#committing = undefined));
    return this.#committing;
  }

  /**
   * Forbids every deletion of a file, and settles it.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_PENDING_LOST` and `WX_CLOUD_REQUEST_ABORTED` when
   * the file is deleted
   */
  keep(fileId: string): Promise<void> {
    const known = this.#kept.get(fileId);
    if (known !== undefined) return known;
    const keeping = this.#keepFile(fileId);
    this.#kept.set(fileId, keeping);
    // Not awaiting it must not end the process: the commit reports a lost file as well.
    keeping.catch(() => this.#kept.delete(fileId));
    return keeping;
  }

  /** Deletes one file, unless it was deleted before. */
  async delete(fileId: string): Promise<void> {
    this.#noticeResponse();
    const file = this.#files.get(fileId);
    if (file === undefined) return;
    this.#files.delete(fileId);
    await deleteFiles(file.context, [file]);
  }

  /**
   * Fails the request: ends uploads in progress and deletes stored files, except those that a
   * successful response has already confirmed, or confirms when its commit succeeds. Can be called
   * repeatedly.
   */
  async rollBack(): Promise<void> {
    this.#noticeResponse();
    if (this.#response?.isAnswerHeld() === true) await this.#committing?.catch(() => {});
    else await this.#deleteAll();
  }

  /**
   * Fails the request because its handler has failed, or because its result is no longer awaited.
   * The end of a success that has begun decides instead: what the client was told stays.
   */
  async rollBackUnlessBegun(): Promise<void> {
    if (!this.#isAnswerBegun()) await this.rollBack();
  }

  /**
   * Fails the request because its handler has failed. A success that the handler goes on to send
   * before this has resolved is replaced by an error.
   */
  async failHandler(): Promise<void> {
    if (this.#isAnswerBegun()) return;
    this.#response?.watch();
    this.#isFailing = true;
    await this.rollBack();
    this.#isFailing = false;
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
   * Ends the transaction: a success keeps the files, also one whose client left after the commit;
   * any other end deletes them. A file still in progress cannot be part of the response, so it is
   * aborted either way.
   */
  async end(end: RequestEnd): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isSuccess = end === 'answered' || (end === 'left' && this.#isCommitted);
    for (const listener of this.#endListeners) listener(this.#isSuccess);
    if (this.#isSuccess) {
      const unsettled = this.#listFiles('listed');
      this.#files.clear();
      // The response was written past its methods.
      if (unsettled.length > 0) await settleFiles(unsettled);
    }
    // After a success there is usually nothing left to end.
    if (!this.#isSuccess || this.#running.size > 0) await this.#deleteAll();
    for (const release of this.#holds.values()) release();
  }

  #isAnswerBegun(): boolean {
    return this.#response?.isAnswerBegun() === true;
  }

  #isOver(): boolean {
    this.#noticeResponse();
    return this.#isEnded || this.#isRolledBack;
  }

  #listFiles(state: TrackedFile['state']): readonly TrackedFile[] {
    return [...this.#files.values()].filter(file => file.state === state);
  }

  async #settleAll(): Promise<void> {
    for (;;) {
      if (this.#keeping.size > 0) await Promise.all(this.#keeping);
      await settleFiles(this.#listFiles('listed'));
      if (this.#isOver()) throw requestFailed();
      const lost = this.#listFiles('lost');
      if (lost.length > 0) {
        await this.#deleteAll();
        throw filesLost(lost.map(({ fileId }) => fileId));
      }
      // Files that were stored meanwhile.
      if (this.#listFiles('listed').length === 0 && this.#keeping.size === 0) break;
    }
    this.#isCommitted = true;
  }

  async #keepFile(fileId: string): Promise<void> {
    if (this.#files.get(fileId)?.state === 'settling') await this.#committing;
    this.#noticeResponse();
    const file = this.#files.get(fileId);
    if (file === undefined) {
      if (this.#isSuccess) return;
      throw cannotKeep(fileId);
    }
    if (file.state === 'lost') throw filesLost([fileId]);
    this.#files.delete(fileId);
    if (file.state !== 'listed') return;
    const settling = settleFiles([file]);
    this.#keeping.add(settling);
    const isPromised = await settling;
    this.#keeping.delete(settling);
    if (isPromised) return;
    this.#files.set(fileId, file);
    if (this.#isOver()) await this.#deleteAll();
    throw filesLost([fileId]);
  }

  async #deleteAll(): Promise<void> {
    this.#isRolledBack = true;
    this.#isCommitted = false;
    for (const { end } of this.#running) end(requestFailed());
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(groupByContext(files).map(([context, group]) => deleteFiles(context, group)));
  }

  /**
   * Checks for a response that a handler sent itself, as the handler may fail before the response
   * emits an event.
   */
  #noticeResponse(): void {
    if (!this.#isEnded && this.#response?.isAnswered() === true) void this.end('answered');
  }
}

/**
 * Begins the transaction of a request whose response is known, or returns the one already begun.
 * The end of the response ends it.
 */
export function beginTransaction(request: object, response: ServerResponse): UploadTransaction {
  const known = transactionProperty.read(request);
  if (known !== undefined) return known;
  const transaction = new UploadTransaction(new TransactionResponse(request, response));
  transactionProperty.write(request, transaction);
  // Never rejects: files that cannot be deleted are reported.
  onRequestEnd(response, end => void transaction.end(end));
  return transaction;
}

/**
 * Returns the transaction of a request whose response is not known, as in a storage engine.
 * @throws {@link OptionsInvalidError} when the request's application does not import this module
 */
export function transactionOf(request: object): UploadTransaction {
  return transactionProperty.read(request) ?? beginTransaction(request, originOf(request).response);
}

/** True for a file that is listed in a ledger, as only files with a path of their own are. */
function isListed({ context, isPathUnique }: StoredFile): boolean {
  return context.pending !== undefined && isPathUnique && context.isStorageReplaced?.() !== true;
}

function groupByContext(files: readonly TrackedFile[]): [StorageContext, TrackedFile[]][] {
  const groups = new Map<StorageContext, TrackedFile[]>();
  for (const file of files) {
    const group = groups.get(file.context);
    if (group === undefined) groups.set(file.context, [file]);
    else group.push(file);
  }
  return [...groups];
}

/** Settles files in the ledgers of their instances. Resolves with true when none is lost. */
async function settleFiles(files: readonly TrackedFile[]): Promise<boolean> {
  const settling = groupByContext(files).map(async ([{ pending }, group]) => {
    for (const file of group) file.state = 'settling';
    const lost = await pending?.settle(group.map(({ fileId }) => fileId));
    for (const file of group) file.state = lost?.includes(file.fileId) ? 'lost' : 'settled';
  });
  await Promise.all(settling);
  return files.every(({ state }) => state === 'settled');
}

/** Deletes the files of an instance, and reports those that remain. */
async function deleteFiles(context: StorageContext, files: readonly TrackedFile[]): Promise<void> {
  const settled = files.filter(({ state }) => state !== 'unlisted' && state !== 'listed');
  // They are listed again in case of a crash before the deletion.
  if (settled.length > 0) await context.pending?.orphan(settled.map(({ fileId }) => fileId));
  await deleteLeftovers(context, files);
}

function requestFailed(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_REQUEST_ABORTED',
    message: 'The request has ended, so its files are not stored. No action is needed.',
  });
}

function cannotKeep(fileId: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_REQUEST_ABORTED',
    message: `${fileId} cannot be kept: its request has failed or its client has left, and it is deleted. Undo what refers to it.`,
  });
}
