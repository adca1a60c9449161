import type { ResolvedUpload } from '../options/index.js';
import { HeadCollector } from './head-collector.js';
import { KeptPieces } from './kept-pieces.js';
import type { MemoryBudget } from './memory-budget.js';
import { TemporaryFile } from './temporary-file.js';
import { replayableBody, type UploadBody } from './upload-body.js';

/** Where a body of unknown length is kept until its end shows how long it is. */
export interface SpoolContext {
  /** The limits and the folder. */
  readonly limits: Pick<ResolvedUpload, 'memoryLimitBytes' | 'spoolDirectory'>;
  /** What all spooled bodies together may hold in memory. */
  readonly budget: MemoryBudget;
  /** Whether the source does not touch a piece again. @defaultValue false */
  readonly areGivenAway?: boolean | undefined;
  /** Looks at the first bytes as soon as they are there; what it throws ends the reading. */
  readonly inspectHead: (head: Uint8Array) => Promise<void>;
}

/** Reads pieces to their end: into memory up to the limits, beyond that into a temporary file. */
export async function spool(
  pieces: AsyncIterable<Uint8Array>,
  context: SpoolContext,
): Promise<UploadBody> {
  const kept = new Spool(context);
  const head = new HeadCollector(context.areGivenAway);
  try {
    for await (const piece of pieces) {
      if (!head.isFull) {
        head.add(piece);
        if (head.isFull) await context.inspectHead(head.toBytes());
      }
      const appending = kept.append(piece);
      if (appending !== undefined) await appending;
    }
    if (!head.isFull) await context.inspectHead(head.toBytes());
    return await kept.toBody(head.toBytes());
  } catch (error) {
    await kept.dispose();
    throw error;
  }
}

class Spool {
  readonly #context: SpoolContext;
  #kept: KeptPieces;
  #file: TemporaryFile | undefined;

  constructor(context: SpoolContext) {
    this.#context = context;
    this.#kept = new KeptPieces(context.areGivenAway);
  }

  /** Undefined when nothing has to be waited for. */
  append(piece: Uint8Array): Promise<void> | undefined {
    if (this.#file !== undefined) return this.#file.append(piece);
    if (!this.#fits(piece)) return this.#moveToFile().then(file => file.append(piece));
    this.#kept.append(piece);
    return undefined;
  }

  async toBody(head: Uint8Array): Promise<UploadBody> {
    const dispose = (): Promise<void> => this.dispose();
    const file = this.#file;
    if (file !== undefined) {
      await file.flush();
      return replayableBody({ size: file.size, head, open: () => file.read(), dispose });
    }
    const { blocks, size } = this.#kept;
    return replayableBody({ size, head, open: () => blocks, dispose });
  }

  dispose(): Promise<void> {
    this.#release();
    return this.#file?.dispose() ?? Promise.resolve();
  }

  #fits(piece: Uint8Array): boolean {
    const { limits, budget } = this.#context;
    if (this.#kept.size + piece.byteLength > limits.memoryLimitBytes) return false;
    return budget.reserve(piece.byteLength);
  }

  async #moveToFile(): Promise<TemporaryFile> {
    const { limits, areGivenAway } = this.#context;
    const file = await TemporaryFile.create(limits.spoolDirectory, areGivenAway);
    // Known to this spool before anything can fail, so that dispose() removes it.
    this.#file = file;
    for (const block of this.#kept.blocks) await file.append(block);
    this.#release();
    return file;
  }

  #release(): void {
    this.#context.budget.release(this.#kept.size);
    this.#kept = new KeptPieces();
  }
}
