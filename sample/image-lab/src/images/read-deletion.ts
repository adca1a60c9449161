import { ImageError } from './image-error.js';
import { GALLERY_IMAGES } from './limits.js';

/**
 * Reads the list of images to delete and removes duplicates.
 * @throws {ImageError} `DELETION_INVALID` if it is empty or too long
 */
export function readDeletion(fileIds: readonly string[]): readonly string[] {
  if (fileIds.length >= 1 && fileIds.length <= GALLERY_IMAGES) return [...new Set(fileIds)];
  throw new ImageError(
    'DELETION_INVALID',
    `fileIds has to be a list of 1 to ${GALLERY_IMAGES} file IDs.`,
  );
}
