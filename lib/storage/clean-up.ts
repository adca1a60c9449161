import { toSafeCause } from '../errors/redaction.js';
import { untilAborted } from '../operations/deadline.js';
import type { StorageContext } from './storage-context.js';

/**
 * Time limit for deleting the leftovers of a failed call, in milliseconds. It delays the response
 * to the failed request.
 */
const CLEANUP_MS = 10_000;

/** Time limit for `onOrphan` of the application, in milliseconds. */
const REPORT_MS = 10_000;

/** An object that a failed call may have left behind. */
export interface Leftover {
  /** The file ID. */
  readonly fileId: string;
  /** True when nothing else is ever stored at its path. */
  readonly isPathUnique: boolean;
}

/**
 * Deletes objects that a failed call left behind; never rejects. An object is deleted only if its
 * path is unique. At any other path another upload may have stored a file, before or since, and a
 * comparison cannot tell: equal content proves nothing, and a file may be stored between the
 * comparison and the deletion. Such objects, and objects that cannot be deleted, are reported. A
 * sweep finds those at unique paths that cannot be deleted, or that may appear after the deletion.
 */
export async function deleteLeftovers(
  context: StorageContext,
  objects: readonly Leftover[],
): Promise<void> {
  const idsWhere = (isUnique: boolean): string[] =>
    objects.filter(({ isPathUnique }) => isPathUnique === isUnique).map(({ fileId }) => fileId);
  const unique = idsWhere(true);
  const left = await deleteObjects(context, unique);
  await Promise.all([
    context.pending?.forget(unique.filter(fileId => !left.includes(fileId))),
    left.length > 0 && context.pending?.orphan(left),
  ]);
  await reportOrphans(context, [...left, ...idsWhere(false)]);
}

/** Deletes objects. Resolves with the file IDs that remain. */
async function deleteObjects(
  { operations, deletions }: StorageContext,
  fileIds: readonly string[],
): Promise<readonly string[]> {
  if (fileIds.length === 0) return [];
  try {
    const outcomes = await operations.runCleanup(
      'deleting files of a failed call',
      CLEANUP_MS,
      signal => deletions.delete(fileIds, signal),
    );
    return outcomes.filter(({ ok }) => !ok).map(({ fileId }) => fileId);
  } catch {
    // In any case the operator has to know that the objects may remain.
    return fileIds;
  }
}

/**
 * Reports objects that a failed call may have left behind: one warning with their file IDs, and
 * `onOrphan` of the application. An error of that function is logged, once a minute.
 */
export async function reportOrphans(
  {
    options,
    logger,
    warnings,
    operations,
  }: Pick<StorageContext, 'options' | 'logger' | 'warnings' | 'operations'>,
  fileIds: readonly string[],
): Promise<void> {
  if (fileIds.length === 0) return;
  logger.warn(
    'Files of a failed call may remain in the storage: they could not be deleted, or another upload ' +
      `may have stored a file at their paths. Check your records before you delete them: ${fileIds.join(', ')}`,
  );
  const { onOrphan } = options;
  if (onOrphan === undefined) return;
  try {
    await operations.runCleanup('waiting for onOrphan', REPORT_MS, async signal =>
      untilAborted(Promise.resolve(onOrphan(fileIds)), signal),
    );
  } catch (error) {
    warnings.warn(
      'onOrphan',
      `onOrphan failed: ${toSafeCause(error).message}. The warning before has the file IDs. Make sure that the function works.`,
    );
  }
}
