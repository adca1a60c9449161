import type { StorageContext } from './storage-context.js';

/**
 * Stands for the context of an instance whose options are wrong. They stop the start where the
 * instance's own service is made: a fake that a test puts in its place needs none.
 */
export class FailedContext {
  /** The problem of the options. */
  readonly error: unknown;

  /** Throws nothing yet. */
  constructor(error: unknown) {
    this.error = error;
  }
}

/** The context, where there is one. @throws what is wrong with the options, where there is none */
export function usableContext(given: StorageContext | FailedContext): StorageContext {
  if (given instanceof FailedContext) throw given.error;
  return given;
}
