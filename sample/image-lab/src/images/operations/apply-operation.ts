import type { Sharp } from 'sharp';
import {
  openImage,
  orUnreadable,
  type EncodedImage,
  type ImageFormat,
  type OpenImage,
} from '../inspect-image.js';
import type { Operation } from './operation.js';
import { drawWatermark } from './draw-watermark.js';

/**
 * The encoding of results by source format: the same one, unless it is slow to encode or has few
 * colours.
 */
const ENCODINGS: Readonly<Record<ImageFormat, 'png' | 'jpeg' | 'webp'>> = {
  png: 'png',
  gif: 'png',
  jpeg: 'jpeg',
  webp: 'webp',
  heif: 'webp',
};
const EXTENSIONS = { png: 'png', jpeg: 'jpg', webp: 'webp' } as const;
/** The background that a rotation uncovers; JPEG has no transparency. */
const UNCOVERED = {
  png: { r: 0, g: 0, b: 0, alpha: 0 },
  webp: { r: 0, g: 0, b: 0, alpha: 0 },
  jpeg: { r: 255, g: 255, b: 255, alpha: 1 },
} as const;

/**
 * Makes a new image from one. Metadata such as a location is not copied.
 * @throws {ImageError} `IMAGE_UNREADABLE`, `IMAGE_PIXELS_EXCEEDED`
 */
export async function applyOperation(bytes: Buffer, operation: Operation): Promise<EncodedImage> {
  const image = await openImage(bytes);
  const encoding = ENCODINGS[image.format];
  const changed = await change(image, operation);
  const encoded = await orUnreadable(encode(changed, encoding).toBuffer());
  return {
    bytes: encoded,
    contentType: `image/${encoding}`,
    extension: EXTENSIONS[encoding],
  };
}

async function change(image: OpenImage, operation: Operation): Promise<Sharp> {
  const { pipeline } = image;
  switch (operation.name) {
    case 'grayscale':
      return pipeline.grayscale();
    case 'blur':
      return pipeline.blur(operation.sigma);
    case 'resize':
      return pipeline.resize(operation.longestSide, operation.longestSide, { fit: 'inside' });
    case 'rotate':
      return pipeline.rotate(operation.degrees, { background: UNCOVERED[ENCODINGS[image.format]] });
    case 'watermark':
      return pipeline.composite([await drawWatermark(operation, image)]);
  }
}

function encode(pipeline: Sharp, encoding: 'png' | 'jpeg' | 'webp'): Sharp {
  switch (encoding) {
    case 'png':
      return pipeline.png();
    case 'webp':
      return pipeline.webp({ quality: 90 });
    case 'jpeg':
      return pipeline.jpeg({ quality: 90, mozjpeg: true });
  }
}
