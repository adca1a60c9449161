import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { WxCloudPendingFiles } from 'nestjs-wx-cloud-storage';
import { MemoryPendingFileStore } from '../cloud/memory-pending-file-store.js';
import { Gallery } from './gallery.js';
import { SWEEP_MS } from './limits.js';

/**
 * Deletes the pending files that are due and not in the gallery: above all files of forms that
 * were never confirmed.
 */
@Injectable()
export class PendingSweep implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(PendingSweep.name);
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(
    private readonly pending: WxCloudPendingFiles,
    private readonly store: MemoryPendingFileStore,
    private readonly gallery: Gallery,
  ) {}

  /** Starts to sweep regularly. */
  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => void this.#run(), SWEEP_MS).unref();
  }

  /** Sweeps once more, also what is not due yet. The storage can still be called then. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
    this.store.makeDue();
    await this.#run();
  }

  /** Starts a sweep, unless one is running. */
  #run(): Promise<void> {
    this.#running ??= this.#sweep().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #sweep(): Promise<void> {
    try {
      const { failed } = await this.pending.sweep({
        isInUse: fileIds => this.gallery.filesInUse(fileIds),
      });
      if (failed > 0) this.#logger.warn(`${failed} pending files could not be deleted.`);
    } catch (error) {
      this.#logger.warn(`Pending files could not be swept: ${String(error)}`);
    }
  }
}
