import { Injectable } from '@nestjs/common';
import { toFreeName } from './display-name.js';
import { ImageError } from './image-error.js';
import { GALLERY_IMAGES } from './limits.js';
import type { OperationName } from './operations/operation.js';

/** An image in the gallery. */
export interface GalleryImage {
  /** The file ID of the image. */
  readonly fileId: string;
  /** The file ID of its thumbnail. */
  readonly thumbnailId: string;
  /** The name that the client gave the file: for display only, never part of a path. */
  readonly name: string;
  /** The width in pixels, as displayed. */
  readonly width: number;
  /** The height in pixels, as displayed. */
  readonly height: number;
  /** The size in bytes. */
  readonly size: number;
  /** The type, detected from the content. */
  readonly contentType: string;
  /** The operation that made the image; undefined for an uploaded one. */
  readonly operation: OperationName | undefined;
}

/**
 * The images that this process knows, in memory. Only these may be processed: a file ID that is not
 * in the gallery is refused, even if the environment has such a file.
 */
@Injectable()
export class Gallery {
  readonly #images = new Map<string, GalleryImage>();

  /** Returns the images, latest first. */
  list(): readonly GalleryImage[] {
    return [...this.#images.values()].toReversed();
  }

  /** Returns true if an image is in the gallery. */
  has(fileId: string): boolean {
    return this.#images.has(fileId);
  }

  /** Returns an image, or undefined if it has been deleted. */
  find(fileId: string): GalleryImage | undefined {
    return this.#images.get(fileId);
  }

  /** Returns those of the files that belong to an image. */
  filesInUse(fileIds: readonly string[]): readonly string[] {
    const used = new Set<string>();
    for (const { fileId, thumbnailId } of this.#images.values()) used.add(fileId).add(thumbnailId);
    return fileIds.filter(fileId => used.has(fileId));
  }

  /**
   * Returns an image.
   * @throws {ImageError} `IMAGE_UNKNOWN`
   */
  get(fileId: string): GalleryImage {
    const image = this.#images.get(fileId);
    if (image !== undefined) return image;
    throw new ImageError('IMAGE_UNKNOWN', 'There is no image with this file ID in the gallery.');
  }

  /**
   * Checks that the gallery has room for another image.
   * @throws {ImageError} `GALLERY_FULL`
   */
  assertHasRoom(): void {
    if (this.#images.size < GALLERY_IMAGES) return;
    throw new ImageError(
      'GALLERY_FULL',
      `The gallery holds ${GALLERY_IMAGES} images. Delete one first.`,
    );
  }

  /**
   * Adds an image and returns it; a result gets a unique name.
   * @throws {ImageError} `GALLERY_FULL`
   */
  add(image: GalleryImage): GalleryImage {
    this.assertHasRoom();
    const names = new Set([...this.#images.values()].map(({ name }) => name));
    const isResult = image.operation !== undefined;
    const name = isResult ? toFreeName(image.name, taken => names.has(taken)) : image.name;
    const kept = { ...image, name };
    this.#images.set(image.fileId, kept);
    return kept;
  }

  /** Removes an image from the gallery. Its files are kept. */
  remove(fileId: string): void {
    this.#images.delete(fileId);
  }
}
