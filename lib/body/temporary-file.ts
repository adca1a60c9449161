import { randomUUID } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { WxCloudStorageError } from '../errors/index.js';
import { KeptPieces } from './kept-pieces.js';

/** Each transfer to or from the disk costs as much as its first 100 KiB or so. */
const LARGEST_TRANSFER_BYTES = 524_288;
const LEAST_TRANSFER_BYTES = 65_536;
/** What the transfers of all temporary files of the process may take together, as long as each has the least. */
const ALL_WRITES_BYTES = 4_194_304;
/** Less than of writes, as every reading needs a new buffer, which stays until the next garbage collection. */
const ALL_READS_BYTES = 1_048_576;

let openFiles = 0;

/** The more files are open, the less each of them moves at a time. */
function shareOf(allBytes: number): number {
  const share = Math.floor(allBytes / Math.max(1, openFiles));
  return Math.min(LARGEST_TRANSFER_BYTES, Math.max(LEAST_TRANSFER_BYTES, share));
}

interface TemporaryFileParts {
  readonly handle: FileHandle;
  /** Where its name could not be removed. */
  readonly leftoverPath: string | undefined;
  readonly areGivenAway: boolean;
}

/**
 * A temporary file that only this process can reach: its name is removed as soon as it is open, so that even a killed
 * process leaves nothing. Where the system does not allow that (Windows), it is removed with {@link TemporaryFile.dispose}.
 * What is appended is gathered and written in the background, one transfer at a time, while the next one is gathered; it
 * is read ahead by one transfer.
 */
export class TemporaryFile {
  readonly #handle: FileHandle;
  readonly #leftoverPath: string | undefined;
  readonly #areGivenAway: boolean;
  /** What the next transfer takes. */
  #gathered: KeptPieces;
  /** The transfer under way; rejects when it failed, which the next call reports. */
  #writing: Promise<void> = Promise.resolve();
  #size = 0;
  #isDisposed = false;

  private constructor({ handle, leftoverPath, areGivenAway }: TemporaryFileParts) {
    this.#handle = handle;
    this.#leftoverPath = leftoverPath;
    this.#areGivenAway = areGivenAway;
    this.#gathered = new KeptPieces(areGivenAway);
    openFiles += 1;
  }

  /**
   * Creates an empty one, readable by this user only. `areGivenAway` says that nobody touches appended bytes again, so
   * that they need no copy. @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`
   */
  static async create(directory: string, areGivenAway = false): Promise<TemporaryFile> {
    const path = join(directory, `wx-cloud-storage-${randomUUID()}.tmp`);
    const handle = await spooling(open(path, 'wx+', 0o600));
    const isGone = await unlink(path).then(
      () => true,
      () => false,
    );
    return new TemporaryFile({ handle, leftoverPath: isGone ? undefined : path, areGivenAway });
  }

  /** How many bytes were appended. */
  get size(): number {
    return this.#size;
  }

  /** Appends bytes. @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`, e.g. when the disk is full */
  async append(bytes: Uint8Array): Promise<void> {
    this.#gathered.append(bytes);
    this.#size += bytes.byteLength;
    if (this.#gathered.size >= shareOf(ALL_WRITES_BYTES)) await this.#write();
  }

  /** Has all that was appended written. @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED` */
  async flush(): Promise<void> {
    await this.#write();
    await this.#writing;
  }

  /** Reads it from the start, once it is flushed; can be called again. */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    let next = this.#readAhead(0);
    for (let position = 0; position < this.#size;) {
      const piece = await next;
      if (piece.byteLength === 0) throw spoolFailed(new Error('the temporary file became shorter'));
      position += piece.byteLength;
      next = this.#readAhead(position);
      yield piece;
    }
  }

  /** Closes and removes it. Can be called again. Never rejects, as by then its bytes are where they belong: a failure is a warning. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    openFiles -= 1;
    await this.#writing.catch(() => {});
    await this.#handle.close().catch(warn);
    if (this.#leftoverPath !== undefined) await unlink(this.#leftoverPath).catch(warn);
  }

  /** Starts to write what is gathered, once the transfer before has ended. */
  async #write(): Promise<void> {
    await this.#writing;
    const { blocks, size } = this.#gathered;
    if (size === 0) return;
    this.#gathered = new KeptPieces(this.#areGivenAway);
    this.#writing = spooling(this.#writeAll(blocks, size));
    // Reported by whoever awaits it next.
    this.#writing.catch(() => {});
  }

  /** The system may take a part of what it is given. */
  async #writeAll(blocks: readonly Uint8Array[], size: number): Promise<void> {
    const { bytesWritten } = await this.#handle.writev(blocks);
    if (bytesWritten < size) {
      const rest = Buffer.concat(blocks).subarray(bytesWritten);
      await this.#handle.appendFile(rest);
    }
  }

  #readAhead(position: number): Promise<Buffer> {
    const piece = this.#readAt(position);
    // Whoever stops reading does not learn of it.
    piece.catch(() => {});
    return piece;
  }

  async #readAt(position: number): Promise<Buffer> {
    const bytes = Math.min(shareOf(ALL_READS_BYTES), this.#size - position);
    if (bytes === 0) return Buffer.alloc(0);
    const piece = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await spooling(this.#handle.read(piece, 0, bytes, position));
    return piece.subarray(0, bytesRead);
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
