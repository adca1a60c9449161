import type { StorageContext } from './storage-context.js';

/**
 * Makes known which objects a failed request left behind: one warning with their file IDs, and the application's
 * `onOrphan`. What that throws is logged.
 */
export async function reportOrphans(
  { options, logger }: Pick<StorageContext, 'options' | 'logger'>,
  fileIds: readonly string[],
): Promise<void> {
  if (fileIds.length === 0) return;
  logger.warn(
    `Files of a failed request may remain in the storage and could not be removed: ${fileIds.join(', ')}`,
  );
  try {
    await options.onOrphan?.(fileIds);
  } catch (error) {
    logger.warn(`onOrphan failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
