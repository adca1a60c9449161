import { resolve } from 'node:path';
import { WxCloudStorageError } from '../errors/index.js';

/** The disk that temporary files take at the moment. */
export interface DiskUse {
  /** The sum over all that share it, in bytes. */
  usedBytes: number;
}

/** By folder, as instances with one folder share its disk. */
const USES = new Map<string, DiskUse>();

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
