import { Injectable } from '@nestjs/common';
import { toFreeName } from './display-name.js';
import { ImageError } from './image-error.js';
import { GALLERY_IMAGES } from './limits.js';
import type { OperationName } from './operations/operation.js';

/** An image of the gallery. */
export interface GalleryImage {
  /** Where the image is. */
  readonly fileId: string;
  /** Where its thumbnail is. */
  readonly thumbnailId: string;
  /** The name that the client gave the file: for people, never part of a path. */
  readonly name: string;
  /** In pixels, as it is to be seen. */
  readonly width: number;
  /** In pixels, as it is to be seen. */
  readonly height: number;
  /** In bytes. */
  readonly size: number;
  /** What its content shows. */
  readonly contentType: string;
  /** What it was made by; undefined for an uploaded one. */
  readonly operation: OperationName | undefined;
}

/**
 * The images that this process knows, in memory. It is also what may be worked on: a file ID that
 * is not in here is refused, even when the environment has such a file.
 */
@Injectable()
export class Gallery {
  readonly #images = new Map<string, GalleryImage>();

  /** The newest first. */
  list(): readonly GalleryImage[] {
    return [...this.#images.values()].toReversed();
  }

  /** True when an image is in it. */
  has(fileId: string): boolean {
    return this.#images.has(fileId);
  }

  /** An image that may have been removed meanwhile. */
  find(fileId: string): GalleryImage | undefined {
    return this.#images.get(fileId);
  }

  /** @throws {ImageError} `IMAGE_UNKNOWN` */
  get(fileId: string): GalleryImage {
    const image = this.#images.get(fileId);
    if (image !== undefined) return image;
    throw new ImageError('IMAGE_UNKNOWN', 'There is no image with this file ID in the gallery.');
  }

  /** @throws {ImageError} `GALLERY_FULL` */
  assertHasRoom(): void {
    if (this.#images.size < GALLERY_IMAGES) return;
    throw new ImageError(
      'GALLERY_FULL',
      `The gallery holds ${GALLERY_IMAGES} images. Delete one first.`,
    );
  }

  /**
   * Gives the image as it is kept: a result has a name of its own.
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

  /** Forgets an image; its files are not touched. */
  remove(fileId: string): void {
    this.#images.delete(fileId);
  }
}
