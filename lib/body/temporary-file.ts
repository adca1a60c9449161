import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WxCloudStorageError } from '../errors/errors.js';
import { ChunkBuffer } from './chunk-buffer.js';
import { type MemoryBudget, PassingMemory } from './memory-budget.js';

/** Disk space in use by folder, as instances with the same folder share its disk. */
const USES = new Map<string, { usedBytes: number }>();

/** Largest transfer. A disk transfer has a fixed cost, equal to that of about 100 KiB. */
const LARGEST_TRANSFER_BYTES = 524_288;
const LEAST_TRANSFER_BYTES = 65_536;
/** Total size of all write transfers of the process, as long as each has the minimum. */
const ALL_WRITES_BYTES = 4_194_304;
/**
 * Smaller than for writes, as every read allocates a buffer that stays until the next garbage
 * collection.
 */
const ALL_READS_BYTES = 1_048_576;
/** Read size when the memory budget is used up; without a minimum nothing could be sent. */
const LEAST_READ_BYTES = 16_384;

let openFiles = 0;

function useOf(directory: string): { usedBytes: number } {
  const path = resolve(directory);
  const known = USES.get(path);
  if (known !== undefined) return known;
  const use = { usedBytes: 0 };
  USES.set(path, use);
  return use;
}

/** Limits the disk space that temporary files of the process take together in one folder. */
export class DiskBudget {
  /** The folder of the temporary files. */
  readonly directory: string;
  readonly #limitBytes: number;
  readonly #use: { usedBytes: number };

  /** `use` counts the disk space; by default that of the whole process in this folder. */
  constructor(directory: string, limitBytes: number, use = useOf(directory)) {
    this.directory = directory;
    this.#limitBytes = limitBytes;
    this.#use = use;
  }

  /**
   * True when this many bytes more would fit now; always false where temporary files are disabled.
   */
  fits(bytes: number): boolean {
    return this.#limitBytes > 0 && this.#use.usedBytes + bytes <= this.#limitBytes;
  }

  /**
   * Checks that this many bytes more would fit.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  assertFits(bytes: number): void {
    if (!this.fits(bytes)) throw budgetPassed(this.#limitBytes, bytes);
  }

  /**
   * Reserves disk space.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED` when too little is left; nothing is
   * reserved then
   */
  take(bytes: number): void {
    this.assertFits(bytes);
    this.#use.usedBytes += bytes;
  }

  /** Releases disk space. */
  release(bytes: number): void {
    this.#use.usedBytes -= bytes;
  }
}

function budgetPassed(limitBytes: number, bytes: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_SPOOL_FAILED',
    message: `The upload could not be kept in a temporary file: temporary files may take ${limitBytes} bytes in total. Try again later, or raise upload.diskBudgetBytes.`,
    retryable: bytes <= limitBytes && limitBytes > 0,
  });
}

/** Transfer size for one file; it shrinks as more files are open. */
function shareOf(allBytes: number): number {
  const share = Math.floor(allBytes / Math.max(1, openFiles));
  return Math.min(LARGEST_TRANSFER_BYTES, Math.max(LEAST_TRANSFER_BYTES, share));
}

/** A pending read of one part. */
interface PartRead {
  readonly chunk: Promise<Buffer>;
  /** Number of bytes taken from the budget. */
  readonly heldBytes: number;
  /** True when the budget had room for it, so that the next part may be read ahead. */
  readonly isReserved: boolean;
}

/**
 * A temporary file that only this process can access. Its name is deleted right after opening, so
 * even a killed process leaves nothing behind. Where the system does not allow that (Windows),
 * {@link TemporaryFile.dispose} deletes it. Appended bytes are gathered and written in the
 * background, one transfer at a time, while the next one is gathered; reads are one transfer ahead.
 * Without memory for that, writes and reads are not buffered.
 */
export class TemporaryFile {
  readonly #handle: FileHandle;
  /** Path of a file whose name could not be deleted yet; otherwise undefined. */
  readonly #leftoverPath: string | undefined;
  readonly #budget: MemoryBudget;
  readonly #diskBudget: DiskBudget;
  readonly #ownsChunks: boolean;
  /** The content of the next transfer. */
  #gathered: ChunkBuffer;
  /** The content of the transfer in progress. */
  #written: ChunkBuffer | undefined;
  /** The transfer in progress. A failure is reported by the next call. */
  #writing: Promise<void> = Promise.resolve();
  readonly #readMemory: PassingMemory;
  #size = 0;
  #isDisposed = false;

  private constructor(
    file: { readonly handle: FileHandle; readonly leftoverPath: string | undefined },
    budget: MemoryBudget,
    diskBudget: DiskBudget,
    ownsChunks: boolean,
  ) {
    this.#handle = file.handle;
    this.#leftoverPath = file.leftoverPath;
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

  /** Number of bytes appended. */
  get size(): number {
    return this.#size;
  }

  /** Number of bytes in memory that are not written yet. */
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
   * Takes over bytes from memory, while nothing else is gathered.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  async adopt(kept: ChunkBuffer): Promise<void> {
    this.#gathered = kept;
    this.#grow(kept.size);
    await this.#write();
  }

  /**
   * Writes all appended bytes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  async flush(): Promise<void> {
    await this.#write();
    await this.#writing;
  }

  /**
   * Reads the first bytes, at most `bytes`.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  async readHead(bytes: number): Promise<Buffer> {
    await this.flush();
    return this.#readAt(0, Math.min(bytes, this.#size));
  }

  /** Reads the flushed file from `start` to `end`; can be called again. */
  async *read(start = 0, end = this.#size): AsyncGenerator<Uint8Array, void, undefined> {
    let ahead: PartRead | undefined;
    let part: PartRead | undefined;
    try {
      for (let position = start; position < end;) {
        part = ahead ?? this.#startReading(position, end);
        ahead = undefined;
        const chunk = await part.chunk;
        if (chunk.byteLength === 0) {
          throw spoolFailed(new Error('the temporary file became shorter'));
        }
        position += chunk.byteLength;
        if (part.isReserved && position < end) ahead = this.#startReading(position, end);
        yield chunk;
        this.#readMemory.release(part.heldBytes);
        part = undefined;
      }
    } finally {
      for (const each of [part, ahead]) this.#readMemory.release(each?.heldBytes ?? 0);
    }
  }

  /**
   * Closes and deletes the file. Can be called again. Never rejects, as the bytes are no longer
   * needed; a failure becomes a warning.
   */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    openFiles -= 1;
    await this.#writing.catch(() => {});
    this.#gathered.release();
    this.#readMemory.release();
    await this.#handle.close().catch(warn);
    if (this.#leftoverPath !== undefined) await unlink(this.#leftoverPath).catch(warn);
    this.#diskBudget.release(this.#size);
  }

  #newChunks(): ChunkBuffer {
    return new ChunkBuffer(this.#budget, this.#ownsChunks);
  }

  #grow(bytes: number): void {
    this.#diskBudget.take(bytes);
    this.#size += bytes;
  }

  /** Writes the gathered bytes once the previous transfer has ended. */
  async #write(): Promise<void> {
    // Another call may have started one more transfer during the wait.
    for (let awaited: unknown; awaited !== this.#writing;) {
      awaited = this.#writing;
      await this.#writing;
    }
    const gathered = this.#gathered;
    if (gathered.size === 0) return;
    this.#gathered = this.#newChunks();
    this.#written = gathered;
    this.#writing = spooling(this.#writeAll(gathered));
    // The next call that awaits it reports the error.
    this.#writing.catch(() => {});
  }

  /** Handles partial writes. */
  async #writeAll(gathered: ChunkBuffer): Promise<void> {
    const { blocks, size } = gathered;
    try {
      const { bytesWritten } = await this.#handle.writev(blocks);
      if (bytesWritten < size) {
        const rest = Buffer.concat(blocks).subarray(bytesWritten);
        await this.#handle.appendFile(rest);
      }
    } finally {
      gathered.release();
    }
  }

  #startReading(position: number, end: number): PartRead {
    const wanted = Math.min(shareOf(ALL_READS_BYTES), end - position);
    const isReserved = this.#readMemory.reserve(wanted);
    const heldBytes = isReserved ? wanted : Math.min(wanted, LEAST_READ_BYTES);
    if (!isReserved) this.#readMemory.count(heldBytes);
    const chunk = this.#readAt(position, heldBytes);
    // Handled here for a reader that stops early.
    chunk.catch(() => {});
    return { chunk, heldBytes, isReserved };
  }

  async #readAt(position: number, bytes: number): Promise<Buffer> {
    const chunk = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await spooling(this.#handle.read(chunk, 0, bytes, position));
    return chunk.subarray(0, bytesRead);
  }
}

function warn(error: Error): void {
  process.emitWarning(`A temporary file could not be deleted: ${error.message}`);
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
