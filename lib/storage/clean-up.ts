import { untilAborted } from '../operations/deadline.js';
import type { StorageContext } from './storage-context.js';

/**
 * How long removing what a failed call left behind may take: it holds up the answer to a request
 * that failed already.
 */
const CLEANUP_MS = 10_000;

/** An object that a failed call stored, or may have stored. */
interface LeftoverObject {
  /** Its file ID. */
  readonly fileId: string;
  /** Nothing but this call can have stored an object at its path, so that it may be deleted. */
  readonly isPathUnique: boolean;
}

/** The longest wait for an application's `onOrphan`. */
const REPORT_MS = 10_000;

/**
 * Removes objects that a failed call left behind; never rejects. An object is deleted only where
 * its path is unique. At any other path somebody else may have stored, before or since, and no look
 * at what is there could tell: equal content is no proof, and between the look and the deletion
 * somebody may store. Such objects are reported, and so are those that cannot be deleted.
 */
export async function deleteLeftovers(
  context: StorageContext,
  objects: readonly LeftoverObject[],
): Promise<void> {
  const idsWhere = (isUnique: boolean): string[] =>
    objects.filter(({ isPathUnique }) => isPathUnique === isUnique).map(({ fileId }) => fileId);
  const left = await remove(context, idsWhere(true));
  await reportOrphans(context, [...left, ...idsWhere(false)]);
}

/** Resolves with the file IDs that remain. */
async function remove(
  { operations, deletions }: StorageContext,
  fileIds: readonly string[],
): Promise<readonly string[]> {
  if (fileIds.length === 0) return [];
  try {
    const outcomes = await operations.runCleanup(
      'removing files of a failed call',
      CLEANUP_MS,
      signal => deletions.delete(fileIds, signal),
    );
    return outcomes.filter(({ ok }) => !ok).map(({ fileId }) => fileId);
  } catch {
    // Whatever the reason, the operator has to know that the objects may still be there.
    return fileIds;
  }
}

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
