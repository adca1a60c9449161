import { WxCloudStorageError } from '../errors/index.js';
import { PassingMemory, type MemoryBudget } from './memory-budget.js';
import { checkPieces, copyPieces, resumePieces, type Pieces } from './pieces.js';
import { HEAD_BYTES, MeasuredSource, type OpenedSource } from './upload-body.js';

/** What is known of a stream. */
export interface StreamParts {
  /** Whether its source does not touch a piece again; otherwise each is copied. */
  readonly areGivenAway: boolean;
  /** The memory that all uploads together may hold. */
  readonly budget: MemoryBudget;
}

/**
 * Opens a stream whose length is known beforehand, and that is sent without being kept, so that it
 * can be sent once. The rest is read while it is sent, and must add up to `size`.
 */
export async function openStream(
  source: Pieces,
  size: number,
  { areGivenAway, budget }: StreamParts,
): Promise<OpenedSource> {
  // A connection may still hold a piece when it asks for the next one.
  const pieces = areGivenAway ? source : copyPieces(source);
  const memory = new PassingMemory(budget);
  const letGo = (): Promise<unknown> => {
    memory.release();
    return pieces.return();
  };
  try {
    const read = await readAhead(pieces, memory);
    const all = resumePieces(read, pieces, () => memory.release());
    const body = { size, isReplayable: false, open: () => exactly(all, size) };
    return new MeasuredSource(headOf(read), body, letGo);
  } catch (error) {
    await letGo();
    throw error;
  }
}

/**
 * So many pieces as the head takes. They are sent before long, whether the budget has room for them
 * or not.
 */
async function readAhead(pieces: Pieces, memory: PassingMemory): Promise<Uint8Array[]> {
  const read: Uint8Array[] = [];
  while (memory.heldBytes < HEAD_BYTES) {
    const { done, value } = await pieces.next();
    if (done === true) break;
    memory.count(value.byteLength);
    read.push(value);
  }
  return read;
}

function headOf(read: readonly Uint8Array[]): Uint8Array {
  const [first] = read;
  const bytes = first !== undefined && read.length === 1 ? first : Buffer.concat(read);
  return bytes.subarray(0, HEAD_BYTES);
}

/** Passes pieces on and ends with an error unless they have `size` bytes together; never yields a byte too many. */
export function exactly(pieces: Pieces, size: number): Pieces {
  let seen = 0;
  return checkPieces(pieces, ({ done, value }) => {
    seen += done === true ? 0 : value.byteLength;
    if (seen > size) throw mismatched(`more than the ${size} bytes declared`);
    if (done === true && seen < size) {
      throw mismatched(`${seen} bytes instead of the ${size} declared`);
    }
  });
}

function mismatched(found: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    message: `The body to upload has ${found}; nothing was stored. Declare its exact size, or none.`,
  });
}
