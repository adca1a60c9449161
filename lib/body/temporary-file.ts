import { randomUUID } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { WxCloudStorageError } from '../errors/index.js';

/** Each transfer to or from the disk costs as much as its first 100 KiB or so. */
const LARGEST_TRANSFER_BYTES = 524_288;
const LEAST_TRANSFER_BYTES = 65_536;
/** What the transfers of all temporary files of the process may take together, as long as each has the least. */
const ALL_TRANSFERS_BYTES = 4_194_304;

let openFiles = 0;

/** The more files are open, the less each of them moves at a time. */
function transferBytes(): number {
  const share = Math.floor(ALL_TRANSFERS_BYTES / Math.max(1, openFiles));
  return Math.min(LARGEST_TRANSFER_BYTES, Math.max(LEAST_TRANSFER_BYTES, share));
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
  /** Where bytes are gathered. */
  #batch = Buffer.alloc(0);
  #batchBytes = 0;
  /** The transfer under way; rejects when it failed, which the next call reports. */
  #writing: Promise<void> = Promise.resolve();
  #size = 0;
  #isDisposed = false;

  private constructor(handle: FileHandle, leftoverPath: string | undefined) {
    this.#handle = handle;
    this.#leftoverPath = leftoverPath;
    openFiles += 1;
  }

  /** Creates an empty one, readable by this user only. @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED` */
  static async create(directory: string): Promise<TemporaryFile> {
    const path = join(directory, `wx-cloud-storage-${randomUUID()}.tmp`);
    const handle = await spooling(open(path, 'wx+', 0o600));
    const isGone = await unlink(path).then(
      () => true,
      () => false,
    );
    return new TemporaryFile(handle, isGone ? undefined : path);
  }

  /** How many bytes were appended. */
  get size(): number {
    return this.#size;
  }

  /** Appends a copy of bytes. @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`, e.g. when the disk is full */
  async append(bytes: Uint8Array): Promise<void> {
    for (let start = 0; start < bytes.byteLength;) {
      if (this.#batchBytes === this.#batch.byteLength) {
        await this.#write();
        this.#batch = Buffer.allocUnsafeSlow(transferBytes());
      }
      const part = bytes.subarray(start, start + this.#batch.byteLength - this.#batchBytes);
      this.#batch.set(part, this.#batchBytes);
      this.#batchBytes += part.byteLength;
      start += part.byteLength;
    }
    this.#size += bytes.byteLength;
  }

  /** Has all that was appended written. @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED` */
  async flush(): Promise<void> {
    await this.#write();
    await this.#writing;
    this.#batch = Buffer.alloc(0);
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

  /** Closes and removes it. Can be called again. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    openFiles -= 1;
    await this.#writing.catch(() => {});
    await this.#handle.close();
    if (this.#leftoverPath !== undefined) await unlink(this.#leftoverPath);
  }

  /** Starts to write what is gathered, once the transfer before has ended. */
  async #write(): Promise<void> {
    await this.#writing;
    const batch = this.#batch.subarray(0, this.#batchBytes);
    this.#batchBytes = 0;
    if (batch.byteLength === 0) return;
    this.#writing = spooling(this.#handle.appendFile(batch));
    // Reported by whoever awaits it next.
    this.#writing.catch(() => {});
  }

  #readAhead(position: number): Promise<Buffer> {
    const piece = this.#readAt(position);
    // Whoever stops reading does not learn of it.
    piece.catch(() => {});
    return piece;
  }

  async #readAt(position: number): Promise<Buffer> {
    const bytes = Math.min(transferBytes(), this.#size - position);
    if (bytes === 0) return Buffer.alloc(0);
    const piece = Buffer.allocUnsafeSlow(bytes);
    const { bytesRead } = await spooling(this.#handle.read(piece, 0, bytes, position));
    return piece.subarray(0, bytesRead);
  }
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
