import type { KeptPieces } from './kept-pieces.js';
import { assertWholeSize, openUploadBody, type OpenBodyContext } from './open-upload-body.js';
import { NO_PIECE, type Pieces } from './pieces.js';
import { readPieces } from './read-pieces.js';
import { spool } from './spool.js';
import { exactly } from './stream-body.js';
import { HEAD_BYTES, replayableBody, type UploadBody } from './upload-body.js';

/** Pieces that come one after the other, and that their source does not touch again. */
export interface QueuedSource extends AsyncIterable<Uint8Array> {
  /** True when its memory is wanted for something else. */
  readonly isAsked: boolean;
  /**
   * Takes all of them when none is to come any more, none was taken, and the budget has room for
   * them; undefined otherwise. They are the caller's to release.
   */
  takeWhole(): KeptPieces | undefined;
}

/**
 * Makes a body of a queue. What is there as a whole, and may stay in memory, is used as it is; anything else is read piece by
 * piece. @throws {@link WxCloudStorageError} as {@link openUploadBody} does
 */
export async function openQueuedBody(
  queue: QueuedSource,
  context: OpenBodyContext,
): Promise<UploadBody> {
  const kept = queue.takeWhole();
  if (kept === undefined) return openComing(queue, context);
  try {
    assertWholeSize(kept.size, context.size);
    if (kept.size > context.limits.memoryLimitBytes) {
      return await openUploadBody(takeFrom(kept), { ...context, size: undefined });
    }
    await context.inspectHead(kept.head(HEAD_BYTES));
  } catch (error) {
    kept.release();
    throw error;
  }
  const { size, blocks } = kept;
  const dispose = async (): Promise<void> => kept.release();
  return replayableBody({ size, open: () => blocks, dispose });
}

/**
 * One of known length goes to disk all the same where it would wait in memory for its turn to be
 * sent, and none is left.
 */
function openComing(queue: QueuedSource, context: OpenBodyContext): Promise<UploadBody> {
  const { size, diskBudget } = context;
  if (size === undefined || !queue.isAsked || !diskBudget.fits(size)) {
    return openUploadBody(queue, context);
  }
  return spool(exactly(readPieces(queue, context), size), { ...context, mostBytes: size });
}

/** Gives kept pieces one by one, and does not hold those that it has given. */
function takeFrom(kept: KeptPieces): Pieces {
  return {
    next: async () => {
      const value = kept.shift();
      return value === undefined ? NO_PIECE : { done: false, value };
    },
    return: async () => {
      kept.release();
      return NO_PIECE;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
