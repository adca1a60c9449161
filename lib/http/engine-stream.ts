import type { Readable } from 'node:stream';
import type { MemoryBudget } from '../body/index.js';
import { PieceQueue } from './piece-queue.js';

/** The content of a file, as a form parser gives it. */
export interface EngineStream extends Readable {
  /** Whether it was cut off at `limits.fileSize`. */
  readonly truncated?: boolean;
}

/**
 * Reads a stream piece by piece and leaves it as it is when the reading ends early: form parsers do not survive that one of
 * their streams is destroyed. Costs less than the stream's own iterator, and joins no pieces.
 */
export function readStream(
  stream: EngineStream,
  budget: MemoryBudget,
  fieldname: string,
): PieceQueue {
  // Its parser has the limit, and cuts off a file that passes it.
  const pieces = new PieceQueue({ source: stream, limitBytes: Infinity, budget, fieldname });
  const onClose = (): void => pieces.fail(new Error('The stream was closed before its end.'));
  stream.on('data', (piece: Uint8Array) => pieces.add(piece));
  stream.once('end', () => (stream.truncated === true ? pieces.failTooLarge() : pieces.end()));
  // A part that is cut off there ends only with its content, if that has an end.
  stream.once('limit', () => pieces.failTooLarge());
  stream.once('error', (error: unknown) => pieces.fail(error));
  stream.once('close', onClose);
  if (stream.readableEnded) pieces.end();
  else if (stream.destroyed) onClose();
  return pieces;
}
