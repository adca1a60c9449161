import sharp, { type Sharp } from 'sharp';
import { ImageError } from './image-error.js';
import { PIXELS, PROCESSING_SECONDS } from './limits.js';

/** An encoded image. */
export interface EncodedImage {
  /** The file's content. */
  readonly bytes: Buffer;
  /** Its media type. */
  readonly contentType: string;
  /** Its usual extension, without the dot. */
  readonly extension: string;
}

/** The supported formats; sharp reports AVIF by the name of its container. */
export type ImageFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'heif';

/** A decoded image. */
export interface OpenImage {
  /** The pipeline, rotated as displayed. */
  readonly pipeline: Sharp;
  /** The format of the source. */
  readonly format: ImageFormat;
  /** The width in pixels, as displayed. */
  readonly width: number;
  /** The height in pixels, as displayed. */
  readonly height: number;
}

const FORMATS: readonly string[] = [
  'png',
  'jpeg',
  'webp',
  'gif',
  'heif',
] satisfies readonly ImageFormat[];
/** The size of thumbnails. They are not cropped, so that portraits stay recognizable. */
const THUMBNAIL = { width: 640, height: 640, fit: 'inside', withoutEnlargement: true } as const;

/**
 * Reads an image's header.
 * @throws {ImageError} `IMAGE_UNREADABLE`, `IMAGE_PIXELS_EXCEEDED`
 */
export async function openImage(bytes: Buffer): Promise<OpenImage> {
  const pipeline = sharp(bytes, { limitInputPixels: PIXELS, failOn: 'error', autoOrient: true });
  const { format, autoOrient } = await orUnreadable(
    sharp(bytes, { limitInputPixels: false }).metadata(),
  );
  const { width, height } = autoOrient;
  if (!isImageFormat(format)) throw unreadable();
  if (width * height > PIXELS) {
    throw new ImageError(
      'IMAGE_PIXELS_EXCEEDED',
      `The image has ${width} × ${height} pixels; up to ${PIXELS / 1_000_000} million are taken.`,
    );
  }
  return { pipeline: pipeline.timeout({ seconds: PROCESSING_SECONDS }), format, width, height };
}

/**
 * Decodes a whole image, so that a damaged one is detected.
 * @throws {ImageError} the errors of {@link openImage}
 */
export async function inspectImage(
  bytes: Buffer,
): Promise<{ width: number; height: number; thumbnail: EncodedImage }> {
  const { pipeline, width, height } = await openImage(bytes);
  const small = pipeline.resize(THUMBNAIL).webp({ quality: 80 });
  const thumbnail = await orUnreadable(small.toBuffer());
  return {
    width,
    height,
    thumbnail: { bytes: thumbnail, contentType: 'image/webp', extension: 'webp' },
  };
}

/**
 * Waits for sharp.
 * @throws {ImageError} `IMAGE_UNREADABLE` for any rejection
 */
export async function orUnreadable<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause?: unknown): ImageError {
  return new ImageError('IMAGE_UNREADABLE', 'The image is damaged and cannot be read.', { cause });
}

function isImageFormat(format: string | undefined): format is ImageFormat {
  return format !== undefined && FORMATS.includes(format);
}
