import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  WxCloudStorageService,
  type WxCloudDeleteOutcome,
  type WxCloudDownloadUrlOutcome,
  type WxCloudStoredFile,
  type WxCloudFile,
  type WxCloudReply,
  type WxCloudStorageError,
} from 'nestjs-wx-cloud-storage';
import { nameResult, toDisplayName } from './display-name.js';
import { Gallery, type GalleryImage } from './gallery.js';
import { ImageError } from './image-error.js';
import { ImageRequests } from './image-requests.js';
import { inspectImage, type EncodedImage } from './inspect-image.js';
import { IMAGES_AT_ONCE, IMAGES_WAITING, LINK_SECONDS, RESULT_SIZE_BYTES } from './limits.js';
import { applyOperation } from './operations/apply-operation.js';
import type { Operation } from './operations/operation.js';
import type { RequestWork } from './request-work.js';
import { Slots } from './slots.js';

/** An image as returned to clients. */
export interface ImageView extends GalleryImage {
  /** A temporary link to the image; null if the file no longer exists. */
  readonly url: string | null;
  /** A temporary link to its thumbnail; null if the file no longer exists. */
  readonly thumbnailUrl: string | null;
}

/** A new image, in the response to the request that made it. */
export type ResultView = ImageView & Pick<WxCloudReply, 'cloudPath'>;

/** The outcome of deleting images. */
export interface Removal {
  /** The file IDs of the deleted images, including those that did not exist. */
  readonly deleted: readonly string[];
  /** The images that still exist, at least in part, with the reasons. */
  readonly failed: readonly { readonly fileId: string; readonly errorCode: string }[];
}

/** A stored file that will be added to the gallery. */
export interface StoredFile extends Pick<WxCloudStoredFile, 'fileId' | 'size' | 'contentType'> {
  /** The name that the client gave it. */
  readonly name: string;
}

/** A new image that is not stored yet, for `WxCloudReplyInterceptor`. */
export interface ResultFile {
  readonly body: Buffer;
  readonly fileName: string;
  readonly contentType: string;
}

/** A new image before it is stored. */
interface Draft {
  readonly image: Pick<GalleryImage, 'name' | 'width' | 'height' | 'operation'>;
  readonly thumbnail: EncodedImage;
}

/** A new image with its properties. */
interface MadeImage extends Pick<GalleryImage, 'width' | 'height'> {
  readonly result: EncodedImage;
  readonly thumbnail: EncodedImage;
}

/** Adds, processes and deletes images, always by file ID. */
@Injectable()
export class ImagesService {
  readonly #slots = new Slots(IMAGES_AT_ONCE, IMAGES_WAITING);
  readonly #drafts = new WeakMap<RequestWork, Draft>();

  constructor(
    private readonly storage: WxCloudStorageService,
    private readonly gallery: Gallery,
    private readonly requests: ImageRequests,
  ) {}

  /** Returns the images, latest first, with fresh links. */
  async list(work: RequestWork): Promise<readonly ImageView[]> {
    return this.#withLinks(this.gallery.list(), work);
  }

  /**
   * Checks that the gallery has room. Called before work that ends in the gallery.
   * @throws {ImageError} `GALLERY_FULL`
   */
  assertHasRoom(): void {
    this.gallery.assertHasRoom();
  }

  /**
   * Adds an uploaded file to the gallery. The file is deleted if the request fails.
   * @throws {ImageError} if it is not a readable image
   */
  async add(file: StoredFile, work: RequestWork): Promise<ImageView> {
    const { fileId, size, contentType } = file;
    this.#deleteOnFailure(fileId, work);
    this.gallery.assertHasRoom();
    const { thumbnail, ...dimensions } = await this.#slots.run(
      async () => inspectImage(await read(this.storage.file(fileId), work)),
      work.signal,
    );
    const name = toDisplayName(file.name);
    const image = { fileId, name, ...dimensions, size, contentType, operation: undefined };
    return this.#register(image, thumbnail, work);
  }

  /**
   * Makes a new image from one in the gallery; {@link addResult} adds it.
   * @throws {ImageError} `IMAGE_UNKNOWN`, `RESULT_TOO_LARGE`
   */
  async process(file: WxCloudFile, operation: Operation, work: RequestWork): Promise<ResultFile> {
    // The pipe refuses invalid file IDs and other environments, the gallery refuses unknown images.
    const source = this.gallery.get(file.fileId);
    this.gallery.assertHasRoom();
    const leave = await this.#slots.enter(work.signal);
    // The result is in memory until it is stored: the slot is released at the end of the request.
    const made = await this.#make(file, operation, work).finally(() => work.whenOver(leave));
    const { result, thumbnail, ...dimensions } = made;
    const name = nameResult(source.name, operation, result.extension);
    const image = { name, ...dimensions, operation: operation.name };
    this.#drafts.set(work, { image, thumbnail });
    return { body: result.bytes, fileName: name, contentType: result.contentType };
  }

  /**
   * Adds the image that {@link process} made in the same request to the gallery, after it was
   * stored.
   */
  async addResult(reply: WxCloudReply, work: RequestWork): Promise<ResultView> {
    const draft = this.#drafts.get(work);
    if (draft === undefined) throw new Error('There is no result: process() comes first.');
    const { cloudPath, ...stored } = reply;
    this.#deleteOnFailure(stored.fileId, work);
    const view = await this.#register({ ...draft.image, ...stored }, draft.thumbnail, work);
    return { ...view, cloudPath };
  }

  /** Deletes an image and its thumbnail. */
  async remove(fileId: string): Promise<void> {
    const image = this.gallery.get(fileId);
    const error = findError(await this.storage.deleteMany([image.fileId, image.thumbnailId]));
    if (error !== undefined) throw error;
    this.gallery.remove(image.fileId);
  }

  /** Deletes images and their thumbnails. Ignores images that are not in the gallery. */
  async removeMany(fileIds: readonly string[]): Promise<Removal> {
    const images = fileIds.flatMap(fileId => this.gallery.find(fileId) ?? []);
    const files = images.flatMap(({ fileId, thumbnailId }) => [fileId, thumbnailId]);
    const outcomes = await this.storage.deleteMany(files);
    const failed = images.flatMap(({ fileId }, index) => {
      const error = findError(outcomes.slice(index * 2, index * 2 + 2));
      return error === undefined ? [] : [{ fileId, errorCode: error.code }];
    });
    const kept = new Set(failed.map(({ fileId }) => fileId));
    const deleted = fileIds.filter(fileId => !kept.has(fileId));
    for (const fileId of deleted) this.gallery.remove(fileId);
    return { deleted, failed };
  }

  /**
   * An interceptor keeps the file of a handler that has succeeded, also if the client leaves before
   * the response: the gallery decides then.
   */
  #deleteOnFailure(fileId: string, work: RequestWork): void {
    work.done(() => this.storage.delete(fileId));
  }

  async #make(file: WxCloudFile, operation: Operation, work: RequestWork): Promise<MadeImage> {
    const result = await applyOperation(await read(file, work), operation);
    assertResultSize(result);
    return { result, ...(await inspectImage(result.bytes)) };
  }

  async #register(
    image: Omit<GalleryImage, 'thumbnailId'>,
    thumbnail: EncodedImage,
    work: RequestWork,
  ): Promise<ImageView> {
    const { bytes, contentType, extension } = thumbnail;
    const path = `thumbnails/${randomUUID()}.${extension}`;
    const { fileId: thumbnailId } = await this.storage.upload(path, bytes, {
      contentType,
      uniquePath: true,
      signal: work.signal,
    });
    work.done(() => this.storage.delete(thumbnailId));
    const complete = this.gallery.add({ ...image, thumbnailId });
    work.done(() => this.gallery.remove(image.fileId));
    const [view] = await this.#withLinks([complete], work);
    this.requests.record(complete);
    return view as ImageView;
  }

  async #withLinks(
    images: readonly GalleryImage[],
    { signal }: RequestWork,
  ): Promise<readonly ImageView[]> {
    const fileIds = images.flatMap(({ fileId, thumbnailId }) => [fileId, thumbnailId]);
    const outcomes = await this.storage.getDownloadUrls(fileIds, {
      maxAgeSeconds: LINK_SECONDS,
      signal,
    });
    return images.map((image, index) => ({
      ...image,
      url: toLink(outcomes[index * 2]),
      thumbnailUrl: toLink(outcomes[index * 2 + 1]),
    }));
  }
}

async function read(file: WxCloudFile, { signal }: RequestWork): Promise<Buffer> {
  return file.buffer({ maxBytes: RESULT_SIZE_BYTES, signal });
}

/** Returns null for a file that was deleted elsewhere; other failures fail the request. */
function toLink(outcome: WxCloudDownloadUrlOutcome | undefined): string | null {
  if (outcome === undefined) return null;
  if (outcome.ok) return outcome.url;
  if (outcome.error.code === 'WX_CLOUD_FILE_NOT_FOUND') return null;
  throw outcome.error;
}

function findError(outcomes: readonly WxCloudDeleteOutcome[]): WxCloudStorageError | undefined {
  return outcomes.flatMap(outcome => (outcome.ok ? [] : [outcome.error]))[0];
}

function assertResultSize({ bytes }: EncodedImage): void {
  if (bytes.length <= RESULT_SIZE_BYTES) return;
  throw new ImageError('RESULT_TOO_LARGE', 'The result would be too large a file.');
}
