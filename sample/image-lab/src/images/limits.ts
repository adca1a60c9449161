/** The types that are taken. */
export const CONTENT_TYPES = [
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
] as const;

/**
 * Where uploaded images are, and those that were made of them. Thumbnails are elsewhere: nobody
 * works on them.
 */
export const UPLOADED_FOLDER = 'images/';

/** See {@link UPLOADED_FOLDER}. */
export const PROCESSED_FOLDER = 'processed/';

/** The folders of the file IDs that clients may send. */
export const IMAGE_FOLDERS = [UPLOADED_FOLDER, PROCESSED_FOLDER] as const;

/** Bytes of an uploaded file. */
export const FILE_SIZE_BYTES = 20 * 1024 * 1024;

/** Bytes of a result, which can be larger than what it was made from. */
export const RESULT_SIZE_BYTES = 40 * 1024 * 1024;

/** Width times height of an image that is decoded: a small file can hold a very large one. */
export const PIXELS = 40_000_000;

/** How many images the gallery holds. */
export const GALLERY_IMAGES = 60;

/** The number of requests that are shown of an image, the newest ones. */
export const SHOWN_REQUESTS = 50;

/** How many images are in memory at once, decoded or as a result that is being stored. */
export const IMAGES_AT_ONCE = 2;

/** How many requests wait for that, without their images. */
export const IMAGES_WAITING = 30;

/** How many forms are handed out and not expired or confirmed. */
export const OPEN_FORMS = 200;

/** How many uploads are watched at once. */
export const WATCHERS = 200;

/** Seconds that sharp may work on one image. */
export const PROCESSING_SECONDS = 20;

/** Seconds that a temporary link lives. */
export const LINK_SECONDS = 3_600;
