import { readPieces, resumePieces, type UploadSource } from '../../body/index.js';
import type { RequestMemory } from '../capacity.js';
import type { ReplyBody } from './reply-body.js';

/** What is needed to read a stream. */
export interface TakeContext {
  /** The most bytes that count as few. */
  readonly maxBytes: number;
  /** How long a piece may take, in milliseconds. */
  readonly idleMs: number;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** The budget that the bytes are taken from; few bytes hold it for as long as the request is. */
  readonly memory: RequestMemory;
}

/** Few bytes, all of them; or more, to be read on from their beginning. */
export type Taken = { readonly whole: Buffer } | { readonly source: UploadSource };

/**
 * Finds out whether there are few bytes, reading no more of a stream than it takes.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_CAPACITY_EXCEEDED` when there is no memory for them
 */
export async function takeSmall(
  { source, size }: ReplyBody,
  { maxBytes, idleMs, signal, memory }: TakeContext,
): Promise<Taken> {
  if (size !== undefined && size > maxBytes) return { source };
  if (source instanceof Uint8Array) {
    return { whole: Buffer.from(source.buffer, source.byteOffset, source.byteLength) };
  }
  const stream = source instanceof Blob ? source.stream() : source;
  const pieces = readPieces(stream as AsyncIterable<unknown>, { idleMs, signal });
  const taken: Uint8Array[] = [];
  let takenBytes = 0;
  try {
    for (;;) {
      const { done, value } = await pieces.next();
      if (done === true) return { whole: Buffer.concat(taken) };
      memory.take(value.byteLength);
      // The source may fill its buffer again.
      taken.push(Buffer.from(value));
      takenBytes += value.byteLength;
      if (takenBytes > maxBytes) {
        return { source: resumePieces(taken, pieces, () => memory.release()) };
      }
    }
  } catch (error) {
    memory.release();
    await pieces.return();
    throw error;
  }
}
