import { elapsedMs } from '../../operations/deadline.js';

/**
 * Operations that the keys may lack the right to; `createOnly` is a condition that a bucket with
 * versions ignores.
 */
export type CosRight =
  | 'put'
  | 'createOnly'
  | 'multipart'
  | 'head'
  | 'get'
  | 'delete'
  | 'deleteMany'
  | 'list'
  | 'copy'
  | 'listUploads'
  | 'abortUpload';

/** Time for which a missing right is remembered, in milliseconds. */
const REMEMBERED_MS = 600_000;

/**
 * Remembers for 10 minutes which operations the keys may not do. Rights are not documented, so they
 * are found out at first use.
 */
export class CosRights {
  readonly #nowMs: () => number;
  readonly #deniedUntilMs = new Map<CosRight, number>();

  /** Starts with all rights. `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number = elapsedMs) {
    this.#nowMs = nowMs;
  }

  /** True when the operation was denied in the last 10 minutes. */
  isDenied(right: CosRight): boolean {
    return (this.#deniedUntilMs.get(right) ?? -Infinity) > this.#nowMs();
  }

  /** Records that COS has denied an operation. */
  deny(right: CosRight): void {
    this.#deniedUntilMs.set(right, this.#nowMs() + REMEMBERED_MS);
  }
}
