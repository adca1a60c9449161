import type { IncomingMessage, ServerResponse } from 'node:http';
import { MemoryShare, type MemoryBudget } from '../body/index.js';
import { WxCloudStorageError } from '../errors/index.js';

/** Soon, as what holds the memory goes to the storage, or ends for want of its client. */
const RETRY_AFTER_SECONDS = 2;

/** Memory of one request for what cannot go to disk: the text of a form, a small answer. */
export class RequestMemory {
  readonly #budget: MemoryBudget;
  readonly #share: MemoryShare;

  /** Holds nothing yet. */
  constructor(budget: MemoryBudget) {
    this.#budget = budget;
    this.#share = new MemoryShare(budget);
  }

  /** As {@link assertRoomForForm}. */
  readonly assertRoom = (): void => assertRoomForForm(this.#budget);

  /**
   * Takes so many bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED` when not enough are left
   */
  readonly take = (bytes: number): void => {
    if (!this.#share.reserveFirmly(bytes)) throw capacityExceeded();
  };

  /** Counts so many bytes, whether there are enough or not. */
  readonly count = (bytes: number): void => this.#share.count(bytes);

  /** Gives back so many, or all. */
  readonly release = (bytes?: number): void => this.#share.release(bytes);
}

/**
 * Refuses a form for which there is no memory, before it is read.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED`
 */
export function assertRoomForForm(budget: MemoryBudget): void {
  if (!budget.hasRoomForForm()) throw capacityExceeded();
}

/** Tells a client that is refused for want of capacity when to try again. */
export function announceRetry(response: ServerResponse, error: unknown): void {
  if (!isCapacityExceeded(error) || response.headersSent) return;
  response.setHeader('retry-after', String(RETRY_AFTER_SECONDS));
}

/**
 * True when a form was refused for want of capacity before anything of it was read: then nothing is
 * read of it either.
 */
export function isRefusedUnread({ readableDidRead }: IncomingMessage, error: unknown): boolean {
  return isCapacityExceeded(error) && !readableDidRead;
}

function isCapacityExceeded(error: unknown): boolean {
  return error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_CAPACITY_EXCEEDED';
}

function capacityExceeded(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CAPACITY_EXCEEDED',
    message:
      'There is no memory left for this request: uploads hold all of upload.memoryBudgetBytes. Try again shortly; if it happens often, raise the option or add a replica.',
    retryable: true,
  });
}
