import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WxCloudStorageError } from '../errors/errors.js';
import { ChunkBuffer } from './chunk-buffer.js';
import { type MemoryBudget, PassingMemory } from './memory-budget.js';

/** The disk that temporary files take at the moment. */
interface DiskUse {
  /** The sum over all that share it, in bytes. */
  usedBytes: number;
}

/** By folder, as instances with one folder share its disk. */
const USES = new Map<string, DiskUse>();

/** Each transfer to or from the disk costs as much as its first 100 KiB or so. */
const LARGEST_TRANSFER_BYTES = 524_288;
const LEAST_TRANSFER_BYTES = 65_536;
/**
 * What the transfers of all temporary files of the process may take together, as long as each has
 * the least.
 */
const ALL_WRITES_BYTES = 4_194_304;
/**
 * Less than of writes, as every reading needs a new buffer, which stays until the next garbage
 * collection.
 */
const ALL_READS_BYTES = 1_048_576;
/** The bytes read at a time when the memory budget is used up: nothing could be sent without. */
const LEAST_READ_BYTES = 16_384;

let openFiles = 0;

function useOf(directory: string): DiskUse {
  const path = resolve(directory);
  const known = USES.get(path);
  if (known !== undefined) return known;
  const use = { usedBytes: 0 };
  USES.set(path, use);
  return use;
}

/** Limits the disk that temporary files of the process take together in one folder. */
export class DiskBudget {
  /** The folder. */
  readonly directory: string;
  readonly #limitBytes: number;
  readonly #use: DiskUse;

  /** `use` counts what is taken: by default, by the whole process in this folder. */
  constructor(directory: string, limitBytes: number, use: DiskUse = useOf(directory)) {
    this.directory = directory;
    this.#limitBytes = limitBytes;
    this.#use = use;
  }

  /**
   * True when so many bytes more would fit at the moment; never any where there may be no temporary
   * files.
   */
  fits(bytes: number): boolean {
    return this.#limitBytes > 0 && this.#use.usedBytes + bytes <= this.#limitBytes;
  }

  /**
   * Makes sure that so many bytes more would fit.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  assertFits(bytes: number): void {
    if (!this.fits(bytes)) throw budgetPassed(this.#limitBytes, bytes);
  }

  /**
   * Takes a part.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED` when not enough is left; nothing is
   * taken then
   */
  take(bytes: number): void {
    this.assertFits(bytes);
    this.#use.usedBytes += bytes;
  }

  /** Gives a part back. */
  release(bytes: number): void {
    this.#use.usedBytes -= bytes;
  }
}

function budgetPassed(limitBytes: number, bytes: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SPOOL_FAILED',
    message: `The upload could not be kept in a temporary file: all of them together may take ${limitBytes} bytes. Try again later, or raise upload.diskBudgetBytes.`,
    retryable: bytes <= limitBytes && limitBytes > 0,
  });
}

/** The more files are open, the less each of them moves at a time. */
function shareOf(allBytes: number): number {
  const share = Math.floor(allBytes / Math.max(1, openFiles));
  return Math.min(LARGEST_TRANSFER_BYTES, Math.max(LEAST_TRANSFER_BYTES, share));
}

/** A file that is open. */
interface OpenFile {
  readonly handle: FileHandle;
  /** Its path where its name could not be removed; undefined where it was. */
  readonly leftoverPath: string | undefined;
}

/** A reading of a part. */
interface PartRead {
  readonly chunk: Promise<Buffer>;
  /** Number of bytes it holds of the budget. */
  readonly heldBytes: number;
  /** True when the budget had room for it, and so may have it for the next part. */
  readonly isReserved: boolean;
}

/**
 * A temporary file that only this process can reach: its name is removed as soon as it is open, so
 * that even a killed process leaves nothing. Where the system does not allow that (Windows), it is
 * removed with {@link TemporaryFile.dispose}. What is appended is gathered and written in the
 * background, one transfer at a time, while the next one is gathered; it is read ahead by one
 * transfer. With no memory left for that, it is written and read without.
 */
export class TemporaryFile {
  readonly #file: OpenFile;
  readonly #budget: MemoryBudget;
  readonly #diskBudget: DiskBudget;
  readonly #ownsChunks: boolean;
  /** What the next transfer takes. */
  #gathered: ChunkBuffer;
  /** The share of the transfer under way. */
  #written: ChunkBuffer | undefined;
  /** The transfer under way; rejects when it failed, which the next call reports. */
  #writing: Promise<void> = Promise.resolve();
  readonly #readMemory: PassingMemory;
  #size = 0;
  #isDisposed = false;

  private constructor(
    file: OpenFile,
    budget: MemoryBudget,
    diskBudget: DiskBudget,
    ownsChunks: boolean,
  ) {
    this.#file = file;
    this.#budget = budget;
    this.#diskBudget = diskBudget;
    this.#ownsChunks = ownsChunks;
    this.#gathered = this.#newChunks();
    this.#readMemory = new PassingMemory(budget);
    openFiles += 1;
  }

  /**
   * Creates an empty file, readable by this user only. `ownsChunks` says that nothing touches
   * appended bytes again, so that they need no copy.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  static async create(
    budget: MemoryBudget,
    diskBudget: DiskBudget,
    ownsChunks = false,
  ): Promise<TemporaryFile> {
    const path = join(diskBudget.directory, `wx-cloud-storage-${randomUUID()}.tmp`);
    const handle = await spooling(open(path, 'wx+', 0o600));
    const isGone = await unlink(path).then(
      () => true,
      () => false,
    );
    const file = { handle, leftoverPath: isGone ? undefined : path };
    return new TemporaryFile(file, budget, diskBudget, ownsChunks);
  }

  /** How many bytes were appended. */
  get size(): number {
    return this.#size;
  }

  /** Number of bytes that wait in memory to be written. */
  get heldBytes(): number {
    return this.#gathered.size + (this.#written?.size ?? 0);
  }

  /**
   * Appends bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`, e.g. when the disk is full
   */
  async append(bytes: Uint8Array): Promise<void> {
    this.#grow(bytes.byteLength);
    if (!this.#gathered.tryAppend(bytes)) {
      this.#gathered.append(bytes);
      return this.flush();
    }
    if (this.#gathered.size >= shareOf(ALL_WRITES_BYTES)) await this.#write();
  }

  /**
   * Takes over what was kept in memory, while nothing else is gathered.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  async adopt(kept: ChunkBuffer): Promise<void> {
    this.#gathered = kept;
    this.#grow(kept.size);
    await this.#write();
  }

  /**
   * Has all that was appended written.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  async flush(): Promise<void> {
    await this.#write();
    await this.#writing;
  }

  /**
   * Reads its first bytes, up to so many.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  async readHead(bytes: number): Promise<Buffer> {
    await this.flush();
    return this.#readAt(0, Math.min(bytes, this.#size));
  }

  /** Reads it from the start, once it is flushed; can be called again. */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    let ahead: PartRead | undefined;
    let part: PartRead | undefined;
    try {
      for (let position = 0; position < this.#size;) {
        part = ahead ?? this.#startReading(position);
        ahead = undefined;
        const chunk = await part.chunk;
        if (chunk.byteLength === 0) {
          throw spoolFailed(new Error('the temporary file became shorter'));
        }
        position += chunk.byteLength;
        if (part.isReserved && position < this.#size) ahead = this.#startReading(position);
        yield chunk;
        this.#readMemory.release(part.heldBytes);
        part = undefined;
      }
    } finally {
      for (const each of [part, ahead]) this.#readMemory.release(each?.heldBytes ?? 0);
    }
  }

  /**
   * Closes and removes it. Can be called again. Never rejects, as by then its bytes are where they
   * belong: a failure is a warning.
   */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    openFiles -= 1;
    await this.#writing.catch(() => {});
    this.#gathered.release();
    this.#readMemory.release();
    const { handle, leftoverPath } = this.#file;
    await handle.close().catch(warn);
    if (leftoverPath !== undefined) await unlink(leftoverPath).catch(warn);
    this.#diskBudget.release(this.#size);
  }

  #newChunks(): ChunkBuffer {
    return new ChunkBuffer(this.#budget, this.#ownsChunks);
  }

  #grow(bytes: number): void {
    this.#diskBudget.take(bytes);
    this.#size += bytes;
  }

  /** Starts to write what is gathered, once the transfer before has ended. */
  async #write(): Promise<void> {
    await this.#writing;
    const gathered = this.#gathered;
    if (gathered.size === 0) return;
    this.#gathered = this.#newChunks();
    this.#written = gathered;
    this.#writing = spooling(this.#writeAll(gathered));
    // Reported by whoever awaits it next.
    this.#writing.catch(() => {});
  }

  /** The system may take a part of what it is given. */
  async #writeAll(gathered: ChunkBuffer): Promise<void> {
    const { blocks, size } = gathered;
    const { handle } = this.#file;
    try {
      const { bytesWritten } = await handle.writev(blocks);
      if (bytesWritten < size) {
        const rest = Buffer.concat(blocks).subarray(bytesWritten);
        await handle.appendFile(rest);
      }
    } finally {
      gathered.release();
    }
  }

  #startReading(position: number): PartRead {
    const wanted = Math.min(shareOf(ALL_READS_BYTES), this.#size - position);
    const isReserved = this.#readMemory.reserve(wanted);
    const heldBytes = isReserved ? wanted : Math.min(wanted, LEAST_READ_BYTES);
    if (!isReserved) this.#readMemory.count(heldBytes);
    const chunk = this.#readAt(position, heldBytes);
    // Whoever stops reading does not learn of it.
    chunk.catch(() => {});
    return { chunk, heldBytes, isReserved };
  }

  async #readAt(position: number, bytes: number): Promise<Buffer> {
    const chunk = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await spooling(this.#file.handle.read(chunk, 0, bytes, position));
    return chunk.subarray(0, bytesRead);
  }
}

function warn(error: Error): void {
  process.emitWarning(`A temporary file could not be removed: ${error.message}`);
}

async function spooling<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw spoolFailed(error);
  });
}

function spoolFailed(cause: unknown): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SPOOL_FAILED',
    message:
      'The upload could not be kept in a temporary file. Make room in upload.spoolDirectory, or see the cause.',
    cause,
  });
}
