import type { ProgressOptions } from './call-options.js';
import type { StorageLogger } from '../diagnostics/index.js';

/** A transfer whose progress is reported. */
export interface ReportedTransfer extends ProgressOptions {
  /** How many bytes it has. */
  readonly totalBytes: number;
}

/** Makes a function that reports how many bytes were handed over; the listener's own failure is logged once. */
export function reportProgress(
  logger: StorageLogger,
  { onProgress, totalBytes }: ReportedTransfer,
): (transferredBytes: number) => void {
  if (onProgress === undefined) return () => {};
  let hasFailed = false;
  return transferredBytes => {
    try {
      onProgress({ transferredBytes, totalBytes });
    } catch (error) {
      if (!hasFailed) logger.warn(`onProgress failed: ${toText(error)}`);
      hasFailed = true;
    }
  };
}

function toText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
