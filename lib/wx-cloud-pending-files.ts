import {
  sweepPendingFiles,
  type WxCloudPendingSweepOptions,
  type WxCloudPendingSweepResult,
} from './storage/pending-sweep.js';
import type { StorageContext } from './storage/storage-context.js';

/**
 * Removes files that no answered request owns, as recorded with the option `pending`. Injectable.
 * @example
 * ```ts
 * import { Injectable } from '@nestjs/common';
 * import { WxCloudPendingFiles } from 'nestjs-wx-cloud-storage';
 *
 * declare class PhotoRecords {
 *   findFileIds(fileIds: readonly string[]): Promise<string[]>;
 * }
 *
 * @Injectable()
 * export class Sweeper {
 *   constructor(
 *     private readonly pending: WxCloudPendingFiles,
 *     private readonly photos: PhotoRecords,
 *   ) {}
 *
 *   async sweep(): Promise<number> {
 *     const { deleted } = await this.pending.sweep({
 *       isInUse: fileIds => this.photos.findFileIds(fileIds),
 *     });
 *     return deleted;
 *   }
 * }
 * ```
 */
export class WxCloudPendingFiles {
  readonly #contextOf: () => StorageContext;

  /** @internal Made by the module. */
  constructor(contextOf: () => StorageContext) {
    this.#contextOf = contextOf;
  }

  /**
   * Deletes due files: uploads whose process has ended without an answer, 15 minutes after they
   * began; files of forms that were not confirmed, 15 minutes after the form has expired; files
   * that could not be deleted before. Any number of processes may sweep at the same time. Call it
   * e.g. every 10 minutes.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_ARGUMENT_INVALID`; `WX_CLOUD_UNSUPPORTED` without
   * the option `pending`; `WX_CLOUD_CONNECTION_FAILED` when the store fails; the error of
   * `isInUse`, after which no more files are deleted
   * @example
   * ```ts
   * import type { WxCloudPendingFiles } from 'nestjs-wx-cloud-storage';
   *
   * declare const pending: WxCloudPendingFiles;
   * declare const findFileIds: (fileIds: readonly string[]) => Promise<string[]>;
   *
   * const { deleted, kept, failed } = await pending.sweep({ isInUse: findFileIds });
   *
   * console.log(deleted, kept, failed);
   * ```
   */
  async sweep(options: WxCloudPendingSweepOptions): Promise<WxCloudPendingSweepResult> {
    return sweepPendingFiles(this.#contextOf(), options);
  }
}
