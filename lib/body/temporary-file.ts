import { randomUUID } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { WxCloudStorageError } from '../errors/index.js';

const PIECE_BYTES = 65_536;

/**
 * A temporary file that only this process can reach: its name is removed as soon as it is open, so that even a killed
 * process leaves nothing. Where the system does not allow that (Windows), it is removed with {@link TemporaryFile.dispose}.
 */
export class TemporaryFile {
  readonly #handle: FileHandle;
  readonly #leftoverPath: string | undefined;
  #size = 0;
  #isDisposed = false;

  private constructor(handle: FileHandle, leftoverPath: string | undefined) {
    this.#handle = handle;
    this.#leftoverPath = leftoverPath;
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

  /** Appends bytes. @throws {@link WxCloudStorageError} `WX_CLOUD_SPOOL_FAILED`, e.g. when the disk is full */
  async append(bytes: Uint8Array): Promise<void> {
    await spooling(this.#handle.appendFile(bytes));
    this.#size += bytes.byteLength;
  }

  /** Reads it from the start; can be called again. */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let position = 0; position < this.#size;) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, this.#size - position));
      const { bytesRead } = await spooling(this.#handle.read(piece, 0, piece.byteLength, position));
      if (bytesRead === 0) throw spoolFailed(new Error('the temporary file became shorter'));
      position += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }

  /** Closes and removes it. Can be called again. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.#handle.close();
    if (this.#leftoverPath !== undefined) await unlink(this.#leftoverPath);
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
