import { RareWarnings, type StorageLogger } from '../diagnostics.js';
import { messageWithoutLink, WxCloudStorageError } from '../errors/errors.js';
import { afterMs } from './after-ms.js';
import type {
  PendingFileStore,
  WxCloudClaimedFile,
  WxCloudPendingClaim,
  WxCloudPendingFile,
} from './pending-file-store.js';

/** Time limit for a call that an upload or a response waits for, in milliseconds. */
export const CALL_MS = 1_000;
/** Time limit for the calls of a sweep, which nothing else waits for, in milliseconds. */
const SWEEP_CALL_MS = 10_000;

/** The first pause of a store that has failed; it doubles up to the longest one. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/** Stores of which a warning was logged since they worked last, by whatever instance. */
const reported = new WeakSet<PendingFileStore>();

/** The files of a call that a sweep holds at present. */
type Claimed = ReadonlySet<string>;

/**
 * Calls the store of the application within time limits, checks what it returns, and knows if it is
 * down. Anything but an answer in time counts as down: an error, whether thrown or rejected, a
 * result of another shape, silence.
 */
export class StoreCalls {
  readonly #store: PendingFileStore;
  readonly #logger: Pick<StorageLogger, 'log'>;
  readonly #warnings: RareWarnings;
  readonly #nowMs: () => number;
  #failures = 0;
  readonly #successes = { add: 0, settle: 0 };
  #failedAtMs = -Infinity;

  /** Calls nothing yet. `nowMs` is a monotonic clock in milliseconds. */
  constructor(
    store: PendingFileStore,
    logger: Pick<StorageLogger, 'log' | 'warn'>,
    nowMs: () => number,
  ) {
    this.#store = store;
    this.#logger = logger;
    this.#warnings = new RareWarnings(logger, nowMs, store);
    this.#nowMs = nowMs;
  }

  /** True when the last call has failed. */
  get isDown(): boolean {
    return this.#failures > 0;
  }

  /**
   * Calls that have succeeded so far, of one kind: a store that is full settles files, but adds
   * none.
   */
  successesOf(isAdd: boolean): number {
    return isAdd ? this.#successes.add : this.#successes.settle;
  }

  /** Milliseconds until the store may be called again; 0 for one that is not down. */
  get pauseMs(): number {
    if (!this.isDown) return 0;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    return Math.max(0, this.#failedAtMs + pauseMs - this.#nowMs());
  }

  /**
   * Adds files. Resolves with those that a sweep holds; with undefined after a failure, which does
   * not count against the store where the file is known to be refused. `onLate` is called if the
   * store answers all the same, later.
   */
  add(
    files: readonly WxCloudPendingFile[],
    isRefused: boolean,
    onLate: (claimed: Claimed) => void,
  ): Promise<Claimed | undefined> {
    return this.#tryCall('add', isRefused, () => this.#store.add(files), onLate);
  }

  /** Settles files, in the same way. */
  settle(fileIds: readonly string[], isRefused: boolean): Promise<Claimed | undefined> {
    return this.#tryCall('settle', isRefused, () => this.#store.settle(fileIds));
  }

  /**
   * Claims files for a sweep.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CONNECTION_FAILED`
   */
  async claim(claim: WxCloudPendingClaim): Promise<readonly WxCloudClaimedFile[]> {
    try {
      const claimed: unknown = await withTimeLimit(() => this.#store.claim(claim), SWEEP_CALL_MS);
      if (Array.isArray(claimed) && claimed.every(isClaimedFile)) return claimed;
      throw new WrongResult();
    } catch (error) {
      throw claimFailed(error);
    }
  }

  /** Reports files as done. After a failure they are due again when their lease has ended. */
  async done(fileIds: readonly string[], owner: string): Promise<void> {
    try {
      await withTimeLimit(() => this.#store.done(fileIds, owner), SWEEP_CALL_MS);
    } catch (error) {
      // That says nothing of the calls of uploads.
      this.#warn(error);
    }
  }

  /** Warns that the store refuses a file, one of `count`, once a minute at most. */
  warnOfRefusal(fileId: string, count: number): void {
    this.#warnings.warn(
      'refused pending file',
      `The store of the option pending works, but fails for ${fileId} alone${count > 1 ? `, and for ${count - 1} other files alone` : ''}. It is told again once a minute. Make sure that the store accepts every file ID.`,
    );
  }

  async #tryCall(
    kind: 'add' | 'settle',
    isRefused: boolean,
    call: () => unknown,
    onLate?: (claimed: Claimed) => void,
  ): Promise<Claimed | undefined> {
    const ask = async (): Promise<Claimed> => readClaimed(await call());
    try {
      const claimed = await withTimeLimit(ask, CALL_MS, onLate);
      this.#successes[kind] += 1;
      this.#succeeded();
      return claimed;
    } catch (error) {
      if (!isRefused) this.#failed(error);
      return undefined;
    }
  }

  #succeeded(): void {
    this.#failures = 0;
    if (reported.delete(this.#store))
      this.#logger.log('The store of the option pending works again.');
  }

  #failed(error: unknown): void {
    // Calls that were under way together count as one failure.
    if (this.pauseMs === 0) this.#failures += 1;
    this.#failedAtMs = this.#nowMs();
    if (this.#warn(error)) reported.add(this.#store);
  }

  /** Warns of a failure, once a minute for all instances. Returns false where that was left out. */
  #warn(error: unknown): boolean {
    return this.#warnings.warn(
      'pending store',
      `The store of the option pending ${describe(error)}. Uploads go on, but what a process leaves behind that is killed meanwhile is not swept. Make sure that the store works.`,
    );
  }
}

/** A result that is not what the interface says. */
class WrongResult extends Error {
  override readonly message = 'returned a wrong result';
}

/** A call that took too long. */
class LateResult extends Error {}

/** Waits for a call no longer than `limitMs`. A result that comes later is given to `onLate`. */
async function withTimeLimit<T>(
  call: () => Promise<T>,
  limitMs: number,
  onLate: (result: T) => void = () => {},
): Promise<T> {
  let isLate = false;
  let cancel = (): void => {};
  const timeIsUp = new Promise<never>((_, reject) => {
    cancel = afterMs(limitMs, () => {
      isLate = true;
      reject(new LateResult(`did not answer within ${limitMs} ms`));
    });
  });
  // A store may throw before it returns a promise.
  const calling = (async () => call())();
  try {
    return await Promise.race([calling, timeIsUp]);
  } finally {
    cancel();
    if (isLate) void calling.then(onLate, () => {});
  }
}

function readClaimed(result: unknown): Claimed {
  if (result === undefined || result === null) return new Set();
  if (!Array.isArray(result) || !result.every(item => typeof item === 'string')) {
    throw new WrongResult();
  }
  return new Set(result);
}

function isClaimedFile(item: unknown): item is WxCloudClaimedFile {
  return typeof (item as Partial<WxCloudClaimedFile> | null)?.fileId === 'string';
}

/** Describes a failure. Texts of other packages may contain a password, so they are left out. */
function describe(error: unknown): string {
  if (error instanceof WrongResult || error instanceof LateResult) return error.message;
  if (error instanceof WxCloudStorageError) return `failed: ${messageWithoutLink(error)}`;
  return 'failed';
}

function claimFailed(error: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CONNECTION_FAILED',
    message: `The store of the option pending ${describe(error)}, so no more files were swept. Make sure that the store works, and sweep again.`,
    retryable: true,
    cause: error instanceof WxCloudStorageError ? error : undefined,
  });
}
