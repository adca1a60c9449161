import { setImmediate } from 'node:timers';
import type {
  BeforeApplicationShutdown,
  OnApplicationBootstrap,
  OnApplicationShutdown,
} from '@nestjs/common';
import { loadDetector } from './body/index.js';
import { closeStorageContext, type StorageContext } from './storage/index.js';

/** Starts and ends an instance together with its application. */
export abstract class StorageLifecycle
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #context: StorageContext;

  /** @internal Made by the module. */
  constructor(context: StorageContext) {
    this.#context = context;
  }

  /** Once the application has started, loads what the first request would have to wait for. Called by Nest. */
  onApplicationBootstrap(): void {
    // A fake may have no more than the prototype, and Nest calls its hooks too.
    if (!(#context in this)) return;
    // What is wrong with that shows with the first request.
    setImmediate(() => {
      Promise.all([this.#context.transport.prepare(), loadDetector()]).catch(() => {});
    });
  }

  /**
   * Lets running operations end, for 9 seconds at most, then ends them and waits for their
   * clean-up. Called by Nest.
   */
  async beforeApplicationShutdown(): Promise<void> {
    if (#context in this) await this.#context.operations.drain();
  }

  /**
   * Refuses calls from now on, waits for the clean-up of what the closing server cut off, and closes all connections.
   * Called by Nest.
   */
  async onApplicationShutdown(): Promise<void> {
    if (#context in this) await closeStorageContext(this.#context);
  }
}
