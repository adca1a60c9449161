import { WxCloudStorageError } from '../errors/errors.js';
import { checkChunks, copyChunks, type ChunkReader, resumeChunks } from './chunks.js';
import { type MemoryBudget, PassingMemory } from './memory-budget.js';

/** Number of first bytes that decide a type, as the detector requires. */
export const HEAD_BYTES = 4_100;

/** The head of a source after it was read. */
export const EMPTY_HEAD = new Uint8Array();

/** Body content: a buffer, buffered chunks, or a one-shot stream. */
export type BodyBytes = Buffer | readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** A body of known length, ready to be sent. The source that made it disposes of it. */
export interface UploadBody {
  /** Number of bytes. */
  readonly size: number;
  /**
   * True when {@link UploadBody.open} can be called again, so that a failed upload can be repeated.
   */
  readonly isReplayable: boolean;
  /**
   * Returns the number of bytes as counted where they come in; undefined before their end.
   * @defaultValue the content was complete from the start
   */
  readonly countedBytes?: (() => number | undefined) | undefined;
  /** Opens all bytes for one read. A body that is not replayable can be opened once. */
  open(signal: AbortSignal): BodyBytes;
}

/** Content of unknown length on its way to the storage. */
export interface PassingContent {
  /** All chunks, the first ones included, as they arrive; they do not change afterwards. */
  readonly chunks: ChunkReader;
  /** See {@link UploadBody.countedBytes}. */
  readonly countedBytes: UploadBody['countedBytes'];
}

/** Content that is kept while it arrives. */
export interface ComingContent {
  /** True when all of it has arrived. */
  readonly hasEnded: boolean;
  /** See {@link UploadBody.countedBytes}. */
  readonly countedBytes?: UploadBody['countedBytes'];
  /**
   * Keeps content as it arrives, until a follower reads. A failure is reported by the next reader,
   * and by {@link OpenedSource.complete}.
   */
  keepOn(): void;
  /**
   * Returns a reader of all content from the start: what is kept, then each chunk as soon as it is
   * kept. From its first read to its end the reader sets the pace. There is one at a time.
   */
  follow(): ChunkReader;
}

/** A source of which no more than the first bytes were read. */
export interface OpenedSource {
  /**
   * The first bytes, up to {@link HEAD_BYTES}; fewer only where the source has no more. Empty after
   * {@link OpenedSource.complete}, as it may be a view of a much larger buffer.
   */
  readonly head: Uint8Array;
  /** Reads the rest where the length is unknown. Called once. */
  complete(): Promise<UploadBody>;
  /**
   * The content, while it is kept because its length is unknown; undefined when nothing is to come.
   */
  readonly coming?: ComingContent | undefined;
  /**
   * Returns the content as it arrives. Called instead of {@link OpenedSource.complete}. Undefined
   * for a source of known length.
   */
  readonly takePassing?: () => PassingContent;
  /** Releases the source, its memory and its temporary file. Can be called again. */
  dispose(): Promise<void>;
}

/** A source of known length, which is sent without being read to its end first. */
export class MeasuredSource implements OpenedSource {
  #head: Uint8Array;
  readonly #body: UploadBody;
  readonly #release: () => Promise<unknown>;

  /** `release` is called by {@link dispose}. */
  constructor(
    head: Uint8Array,
    body: UploadBody,
    release: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    this.#head = head;
    this.#body = body;
    this.#release = release;
  }

  /** See {@link OpenedSource.head}. */
  get head(): Uint8Array {
    return this.#head;
  }

  /** Returns the body without reading. */
  async complete(): Promise<UploadBody> {
    this.#head = EMPTY_HEAD;
    return this.#body;
  }

  /** See {@link OpenedSource.dispose}. */
  async dispose(): Promise<void> {
    await this.#release();
  }
}

/** The facts about a stream of known length. */
interface StreamContext {
  /** True when the source does not touch a chunk again; otherwise each one is copied. */
  readonly ownsChunks: boolean;
  /** The memory that all uploads together may hold. */
  readonly budget: MemoryBudget;
  /** See {@link UploadBody.countedBytes}. */
  readonly countedBytes?: UploadBody['countedBytes'];
}

/**
 * Opens a stream of known length, which is not kept and can be sent once. The rest is read while it
 * is sent, and must add up to `size`.
 */
export async function openStream(
  source: ChunkReader,
  size: number,
  { ownsChunks, budget, countedBytes }: StreamContext,
): Promise<OpenedSource> {
  // A connection may still hold a chunk when it requests the next one.
  const chunks = ownsChunks ? source : copyChunks(source);
  const memory = new PassingMemory(budget);
  const release = (): Promise<unknown> => {
    memory.release();
    return chunks.return();
  };
  try {
    const read = await readAhead(chunks, memory);
    const all = resumeChunks(read, chunks, () => memory.release());
    const body = { size, isReplayable: false, countedBytes, open: () => exactly(all, size) };
    return new MeasuredSource(headOf(read), body, release);
  } catch (error) {
    await release();
    throw error;
  }
}

/** Reads the chunks of the head. They are sent soon, so they may exceed the budget. */
export async function readAhead(chunks: ChunkReader, memory: PassingMemory): Promise<Uint8Array[]> {
  const read: Uint8Array[] = [];
  while (memory.heldBytes < HEAD_BYTES) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    memory.count(value.byteLength);
    read.push(value);
  }
  return read;
}

/** Returns the head from the first chunks. */
export function headOf(read: readonly Uint8Array[]): Uint8Array {
  const [first] = read;
  const bytes = first !== undefined && read.length === 1 ? first : Buffer.concat(read);
  return bytes.subarray(0, HEAD_BYTES);
}

/**
 * Passes chunks on and throws unless they have `size` bytes together. Never yields a byte too many.
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

/**
 * Checks that a source was read to its end, and that as many bytes are stored as it has given.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_UPLOAD_INCOMPLETE`
 */
export function assertNothingLost(
  storedBytes: number,
  countedBytes: UploadBody['countedBytes'],
): void {
  const counted = countedBytes === undefined ? storedBytes : countedBytes();
  if (counted === storedBytes) return;
  const found = counted === undefined ? 'more were to come' : `${counted} bytes have arrived`;
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_UPLOAD_INCOMPLETE',
    message: `The object to store has ${storedBytes} bytes, but ${found}, so it was not kept. Upload the file again, and report this error to the authors of this package.`,
  });
}

function mismatched(found: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SIZE_MISMATCHED',
    message: `The body to upload has ${found}; nothing was stored. Declare its exact size, or none.`,
  });
}
