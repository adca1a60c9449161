import { untilAborted } from '../transport/index.js';
import type { StorageContext } from './storage-context.js';

/** The longest wait for an application's `onOrphan`. */
const REPORT_MS = 10_000;

/**
 * Makes known which objects a failed call may have left behind: one warning with their file IDs,
 * and the application's `onOrphan`. An error of that function is logged.
 */
export async function reportOrphans(
  { options, logger, operations }: Pick<StorageContext, 'options' | 'logger' | 'operations'>,
  fileIds: readonly string[],
): Promise<void> {
  if (fileIds.length === 0) return;
  logger.warn(
    'Files of a failed call may remain in the storage: they could not be deleted, or are at paths where somebody else ' +
      `may have stored a file. Look them up in your records before you delete them: ${fileIds.join(', ')}`,
  );
  const { onOrphan } = options;
  if (onOrphan === undefined) return;
  try {
    await operations.runCleanup('waiting for onOrphan', REPORT_MS, async signal =>
      untilAborted(Promise.resolve(onOrphan(fileIds)), signal),
    );
  } catch (error) {
    logger.warn(`onOrphan failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
