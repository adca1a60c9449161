/** The accepted types. */
export const CONTENT_TYPES = [
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
] as const;

/**
 * The folder of uploaded images. Thumbnails have their own folder, because they are not processed.
 */
export const UPLOADED_FOLDER = 'images/';

/** The folder of images made from others. */
export const PROCESSED_FOLDER = 'processed/';

/** The folders of file IDs that clients may send. */
export const IMAGE_FOLDERS = [UPLOADED_FOLDER, PROCESSED_FOLDER] as const;

/** The maximum size of an uploaded file in bytes. */
export const FILE_SIZE_BYTES = 20 * 1024 * 1024;

/** The maximum size of a result in bytes; it can be larger than its source. */
export const RESULT_SIZE_BYTES = 40 * 1024 * 1024;

/**
 * The maximum number of pixels of an image that is decoded: a small file can contain a huge one.
 */
export const PIXELS = 40_000_000;

/** The maximum number of images in the gallery. */
export const GALLERY_IMAGES = 60;

/** The maximum number of requests that are shown for an image; the latest are kept. */
export const SHOWN_REQUESTS = 50;

/** The maximum number of images in memory, decoded or as a result that is being stored. */
export const IMAGES_AT_ONCE = 2;

/** The maximum number of requests that wait for a slot, without their images. */
export const IMAGES_WAITING = 30;

/**
 * The maximum number of open forms. Other pending files, such as those of running uploads, count
 * too.
 */
export const OPEN_FORMS = 200;

/**
 * The time in milliseconds in which a form may still store a file: it is valid for 15 minutes, and
 * an upload that has begun goes on.
 */
export const FORM_MS = 16 * 60_000;

/** The time between two sweeps of pending files in milliseconds. */
export const SWEEP_MS = 60_000;

/** The maximum number of concurrently watched uploads. */
export const WATCHERS = 200;

/** The timeout of sharp for one image in seconds. */
export const PROCESSING_SECONDS = 20;

/** The lifetime of a temporary link in seconds. */
export const LINK_SECONDS = 3_600;
