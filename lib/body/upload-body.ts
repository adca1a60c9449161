import { WxCloudStorageError } from '../errors/errors.js';
import { checkChunks, copyChunks, type ChunkReader, resumeChunks } from './chunks.js';
import { type MemoryBudget, PassingMemory } from './memory-budget.js';

/** How many first bytes decide a type: what the detector asks for. */
export const HEAD_BYTES = 4_100;

/** The head of a source that is read on. */
export const EMPTY_HEAD = new Uint8Array();

/** The bytes of one reading: at hand, whole or in pieces, or to be read once. */
export type BodyBytes = Buffer | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** A body of known length, ready to be sent. Its source disposes of it. */
export interface UploadBody {
  /** How many bytes it has. */
  readonly size: number;
  /** True when {@link UploadBody.open} can be called again, to send it once more. */
  readonly isReplayable: boolean;
  /** Starts one reading of all its bytes. A body that is not replayable can be opened once. */
  open(signal: AbortSignal): BodyBytes;
}

/** A source of which no more than the first bytes was read. */
export interface OpenedSource {
  /**
   * Its first bytes, up to {@link HEAD_BYTES}: fewer only where it has no more. Empty from
   * {@link OpenedSource.complete} on, as it may be a view of a much larger buffer.
   */
  readonly head: Uint8Array;
  /** Reads the rest, where the length is not known without it. To be called once. */
  complete(): Promise<UploadBody>;
  /** Lets go of the source, of memory and of the temporary file. Can be called again. */
  dispose(): Promise<void>;
}

/** A source whose length is known, so that it is sent without being read to its end before. */
export class MeasuredSource implements OpenedSource {
  #head: Uint8Array;
  readonly #body: UploadBody;
  readonly #release: () => Promise<unknown>;

  /** `letGo` is called by {@link dispose}. */
  constructor(
    head: Uint8Array,
    body: UploadBody,
    release: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    this.#head = head;
    this.#body = body;
    this.#release = release;
  }

  /** As {@link OpenedSource.head}. */
  get head(): Uint8Array {
    return this.#head;
  }

  /** Reads nothing. */
  async complete(): Promise<UploadBody> {
    this.#head = EMPTY_HEAD;
    return this.#body;
  }

  /** As {@link OpenedSource.dispose}. */
  async dispose(): Promise<void> {
    await this.#release();
  }
}

/**
 * Opens a stream whose length is known beforehand, and that is sent without being kept, so that it
 * can be sent once. The rest is read while it is sent, and must add up to `size`. Each chunk is
 * copied unless `ownsChunks` says that the source does not touch it again.
 */
export async function openStream(
  source: ChunkReader,
  size: number,
  ownsChunks: boolean,
  budget: MemoryBudget,
): Promise<OpenedSource> {
  // A connection may still hold a piece when it asks for the next one.
  const chunks = ownsChunks ? source : copyChunks(source);
  const memory = new PassingMemory(budget);
  const release = (): Promise<unknown> => {
    memory.release();
    return chunks.return();
  };
  try {
    const read = await readAhead(chunks, memory);
    const all = resumeChunks(read, chunks, () => memory.release());
    const body = { size, isReplayable: false, open: () => exactly(all, size) };
    return new MeasuredSource(headOf(read), body, release);
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * So many pieces as the head takes. They are sent before long, whether the budget has room for them
 * or not.
 */
async function readAhead(chunks: ChunkReader, memory: PassingMemory): Promise<Uint8Array[]> {
  const read: Uint8Array[] = [];
  while (memory.heldBytes < HEAD_BYTES) {
    const { done, value } = await chunks.next();
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

/**
 * Passes pieces on and ends with an error unless they have `size` bytes together; never yields a
 * byte too many.
 */
export function exactly(chunks: ChunkReader, size: number): ChunkReader {
  let seen = 0;
  return checkChunks(chunks, ({ done, value }) => {
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
