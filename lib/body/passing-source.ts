import { type ChunkReader, copyChunks, resumeChunks } from './chunks.js';
import { PassingMemory } from './memory-budget.js';
import { openSpool, type SpoolContext } from './spool.js';
import {
  EMPTY_HEAD,
  headOf,
  type OpenedSource,
  type PassingContent,
  readAhead,
  type UploadBody,
} from './upload-body.js';

/**
 * Opens chunks of unknown length that need not be kept. The caller takes them as they arrive, or
 * has all of them kept by {@link OpenedSource.complete}.
 */
export async function openPassing(
  source: ChunkReader,
  context: SpoolContext,
): Promise<OpenedSource> {
  const chunks = context.ownsChunks ? source : copyChunks(source);
  const memory = new PassingMemory(context.budget);
  try {
    const read = await readAhead(chunks, memory);
    const all = resumeChunks(read, chunks, () => memory.release());
    return new PassingSource(headOf(read), all, { ...context, ownsChunks: true });
  } catch (error) {
    memory.release();
    await chunks.return();
    throw error;
  }
}

class PassingSource implements OpenedSource {
  #head: Uint8Array;
  readonly #chunks: ChunkReader;
  readonly #context: SpoolContext;
  #spool: OpenedSource | undefined;

  constructor(head: Uint8Array, chunks: ChunkReader, context: SpoolContext) {
    this.#head = head;
    this.#chunks = chunks;
    this.#context = context;
  }

  get head(): Uint8Array {
    return this.#head;
  }

  readonly takePassing = (): PassingContent => {
    this.#head = EMPTY_HEAD;
    return { chunks: this.#chunks, countedBytes: this.#context.countedBytes };
  };

  async complete(): Promise<UploadBody> {
    this.#head = EMPTY_HEAD;
    this.#spool = await openSpool(this.#chunks, this.#context);
    return this.#spool.complete();
  }

  async dispose(): Promise<void> {
    await this.#chunks.return();
    await this.#spool?.dispose();
  }
}
