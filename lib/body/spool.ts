import type { ResolvedUpload } from '../options/index.js';
import type { DiskBudget } from './disk-budget.js';
import { KeptPieces } from './kept-pieces.js';
import type { MemoryBudget, MovableMemory } from './memory-budget.js';
import type { PieceResult, Pieces } from './pieces.js';
import { TemporaryFile } from './temporary-file.js';
import { HEAD_BYTES, replayableBody, type UploadBody } from './upload-body.js';

/** Where a body of unknown length is kept until its end shows how long it is. */
export interface SpoolContext {
  /** The bytes of it that may stay in memory. */
  readonly limits: Pick<ResolvedUpload, 'memoryLimitBytes'>;
  /** The memory that all uploads together may hold. */
  readonly budget: MemoryBudget;
  /** The disk that all temporary files together may take, and their place. */
  readonly diskBudget: DiskBudget;
  /**
   * The most bytes that it can have, where that is known: with no room for so many, nothing is
   * written.
   */
  readonly mostBytes?: number | undefined;
  /** Whether the source does not touch a piece again. @defaultValue false */
  readonly areGivenAway?: boolean | undefined;
  /** Looks at the first bytes as soon as they are there; what it throws ends the reading. */
  readonly inspectHead: (head: Uint8Array) => Promise<void>;
}

/** Reads pieces to their end: into memory up to the limits, beyond that into a temporary file. */
export async function spool(pieces: Pieces, context: SpoolContext): Promise<UploadBody> {
  const kept = new Spool(context);
  const take = takeInto(kept);
  try {
    // A loop over the pieces would hold the last one for as long as it waits for the next.
    while (await pieces.next().then(take));
    return await kept.toBody();
  } catch (error) {
    await pieces.return();
    await kept.dispose();
    throw error;
  }
}

/** Tells whether there may be more. */
function takeInto(kept: Spool): (result: PieceResult) => boolean | Promise<boolean> {
  return ({ done, value }) => {
    if (done === true) return false;
    return kept.append(value)?.then(() => true) ?? true;
  };
}

class Spool implements MovableMemory {
  readonly #context: SpoolContext;
  #kept: KeptPieces;
  #file: TemporaryFile | undefined;
  #isInspected = false;
  /** True when the memory is wanted for something else. */
  #isAsked = false;
  /** A piece is being taken: whoever asks for the memory gets it afterwards. */
  #isAppending = false;
  /** The request under way; rejects when it failed, which the next call reports. */
  #moving: Promise<void> | undefined;

  constructor(context: SpoolContext) {
    this.#context = context;
    this.#kept = new KeptPieces(context.budget, context.areGivenAway);
  }

  get heldBytes(): number {
    return this.#kept.size + (this.#file?.heldBytes ?? 0);
  }

  get #size(): number {
    return this.#file?.size ?? this.#kept.size;
  }

  moveToDisk(): void {
    this.#isAsked = true;
    if (this.#isAppending || this.#moving !== undefined) return;
    this.#moving = this.#move();
    this.#moving.then(
      () => (this.#moving = undefined),
      // Reported by the next call.
      () => {},
    );
  }

  /** Undefined when nothing has to be waited for. */
  append(piece: Uint8Array): Promise<void> | undefined {
    if (this.#moving !== undefined) return this.#moving.then(() => this.append(piece));
    const fits = this.#file === undefined && this.#fits(piece) && this.#kept.tryAppend(piece);
    if (fits && (this.#isInspected || this.#size < HEAD_BYTES)) {
      this.#context.budget.addMovable(this);
      return undefined;
    }
    return this.#appendSlowly(piece, fits);
  }

  async toBody(): Promise<UploadBody> {
    await this.#moving;
    this.#isAppending = true;
    if (!this.#isInspected) await this.#inspect();
    const dispose = (): Promise<void> => this.dispose();
    const file = this.#file;
    if (file !== undefined) await file.flush();
    this.#context.budget.removeMovable(this);
    if (file !== undefined) {
      return replayableBody({ size: file.size, open: () => file.read(), dispose });
    }
    const { blocks, size } = this.#kept;
    return replayableBody({ size, open: () => blocks, dispose });
  }

  async dispose(): Promise<void> {
    this.#isAppending = true;
    await this.#moving?.catch(() => {});
    this.#context.budget.removeMovable(this);
    this.#kept.release();
    await this.#file?.dispose();
  }

  async #appendSlowly(piece: Uint8Array, isKept: boolean): Promise<void> {
    this.#isAppending = true;
    this.#context.budget.addMovable(this);
    if (this.#file !== undefined) await this.#file.append(piece);
    else if (!isKept) this.#kept.append(piece);
    if (!this.#isInspected && this.#size >= HEAD_BYTES) await this.#inspect();
    if (this.#isAsked) await this.#move();
    else if (this.#file === undefined && !isKept) await this.#openFile();
    this.#isAppending = false;
  }

  #fits({ byteLength }: Uint8Array): boolean {
    return this.#kept.size + byteLength <= this.#context.limits.memoryLimitBytes;
  }

  async #inspect(): Promise<void> {
    this.#isInspected = true;
    await this.#context.inspectHead(
      (await this.#file?.readHead(HEAD_BYTES)) ?? this.#kept.head(HEAD_BYTES),
    );
  }

  /** Makes memory free for others: with no room on the disk either, what fits stays. */
  async #move(): Promise<void> {
    this.#isAsked = false;
    const { budget, diskBudget } = this.#context;
    if (this.#file !== undefined) await this.#file.flush();
    else if (this.#kept.isOverdrawn || diskBudget.fits(this.#kept.size)) {
      await (await this.#openFile()).flush();
    }
    budget.removeMovable(this);
  }

  async #openFile(): Promise<TemporaryFile> {
    const { budget, diskBudget, areGivenAway, mostBytes = 0 } = this.#context;
    diskBudget.assertFits(Math.max(mostBytes, this.#kept.size));
    const file = await TemporaryFile.create({ budget, diskBudget, areGivenAway });
    // Known to this spool before anything can fail, so that dispose() removes it.
    this.#file = file;
    const kept = this.#kept;
    this.#kept = new KeptPieces(budget);
    await file.adopt(kept);
    return file;
  }
}
