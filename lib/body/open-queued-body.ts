import { HeadCollector } from './head-collector.js';
import { KeptPieces } from './kept-pieces.js';
import { assertWholeSize, openUploadBody, type OpenBodyContext } from './open-upload-body.js';
import { replayableBody, type UploadBody } from './upload-body.js';

/** Pieces that come one after the other, and that their source does not touch again. */
export interface QueuedSource extends AsyncIterable<Uint8Array> {
  /** Takes all of them when none is to come any more and none was taken; undefined otherwise. */
  takeWhole(): readonly Uint8Array[] | undefined;
}

/**
 * Makes a body of a queue. What is there as a whole, and may stay in memory, is used as it is; anything else is read piece by
 * piece. @throws {@link WxCloudStorageError} as {@link openUploadBody} does
 */
export async function openQueuedBody(
  queue: QueuedSource,
  context: OpenBodyContext,
): Promise<UploadBody> {
  const pieces = queue.takeWhole();
  if (pieces === undefined) return openUploadBody(queue, context);
  const size = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  assertWholeSize(size, context.size);
  const { limits, budget } = context;
  if (size > limits.memoryLimitBytes || !budget.reserve(size)) {
    return openUploadBody(iterate(pieces), context);
  }
  const body = keptBody(pieces, size, () => budget.release(size));
  await context.inspectHead(body.head).catch(async (error: unknown) => {
    await body.dispose();
    throw error;
  });
  return body;
}

function keptBody(pieces: readonly Uint8Array[], size: number, release: () => void): UploadBody {
  const head = new HeadCollector(true);
  const kept = new KeptPieces(true);
  for (const piece of pieces) {
    if (!head.isFull) head.add(piece);
    kept.append(piece);
  }
  const { blocks } = kept;
  let isHeld = true;
  const dispose = (): Promise<void> => {
    if (isHeld) release();
    isHeld = false;
    return Promise.resolve();
  };
  return replayableBody({ size, head: head.toBytes(), open: () => blocks, dispose });
}

async function* iterate(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
