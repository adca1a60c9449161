import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  WxCloudStorageService,
  type DownloadUrlOutcome,
  type StoredCloudFile,
  type WxCloudUploadedFile,
} from 'nestjs-wx-cloud-storage';
import { toDisplayName } from './display-name.js';
import { Gallery, type GalleryImage } from './gallery.js';
import { ImageError } from './image-error.js';
import { inspectImage, type EncodedImage } from './inspect-image.js';
import { IMAGES_AT_ONCE, LINK_SECONDS, RESULT_SIZE_BYTES } from './limits.js';
import { applyOperation } from './operations/apply-operation.js';
import type { OperationRequest } from './operations/operation.js';
import type { RequestWork } from './request-work.js';
import { Slots } from './slots.js';

/** An image as clients see it. */
export interface ImageView extends GalleryImage {
  /** A temporary link to the image; null when the file is gone. */
  readonly url: string | null;
  /** A temporary link to its thumbnail; null when the file is gone. */
  readonly thumbnailUrl: string | null;
}

/** Adds images to the gallery, makes new ones of them, and removes them: always by file ID. */
@Injectable()
export class ImagesService {
  readonly #slots = new Slots(IMAGES_AT_ONCE);

  constructor(
    private readonly storage: WxCloudStorageService,
    private readonly gallery: Gallery,
  ) {}

  /** The newest first, with fresh links. */
  async list(work: RequestWork): Promise<readonly ImageView[]> {
    return this.#withLinks(this.gallery.list(), work);
  }

  /** Takes an uploaded file into the gallery. @throws {ImageError} when it holds no image that can be read */
  async add(file: WxCloudUploadedFile, work: RequestWork): Promise<ImageView> {
    this.gallery.assertHasRoom();
    const { fileId, size, contentType } = file;
    const bytes = await this.#read(fileId, work);
    const { thumbnail, ...dimensions } = await this.#slots.run(() => inspectImage(bytes));
    return this.#register(
      {
        fileId,
        name: toDisplayName(file.originalname),
        ...dimensions,
        size,
        contentType,
        operation: undefined,
      },
      thumbnail,
      work,
    );
  }

  /** Makes a new image of one in the gallery. @throws {ImageError} `IMAGE_UNKNOWN`, `RESULT_TOO_LARGE` */
  async process({ fileId, operation }: OperationRequest, work: RequestWork): Promise<ImageView> {
    // The storage refuses what is no file ID of this environment; the gallery, what is not its own.
    const source = this.gallery.get(this.storage.file(fileId).fileId);
    this.gallery.assertHasRoom();
    const bytes = await this.#read(source.fileId, work);
    const { result, thumbnail, width, height } = await this.#slots.run(async () => {
      work.signal.throwIfAborted();
      const made = await applyOperation(bytes, operation);
      return { result: made, ...(await inspectImage(made.bytes)) };
    });
    assertResultSize(result);
    const stored = await this.#store('processed', result, work);
    const { size, contentType } = stored;
    const name = toDisplayName(source.name, result.extension);
    return this.#register(
      {
        fileId: stored.fileId,
        name,
        width,
        height,
        size,
        contentType,
        operation: operation.name,
      },
      thumbnail,
      work,
    );
  }

  /** Removes an image and its thumbnail. */
  async remove(fileId: string): Promise<void> {
    const image = this.gallery.get(this.storage.file(fileId).fileId);
    for (const outcome of await this.storage.deleteMany([image.fileId, image.thumbnailId])) {
      if (!outcome.ok) throw outcome.error;
    }
    this.gallery.remove(image.fileId);
  }

  async #read(fileId: string, { signal }: RequestWork): Promise<Buffer> {
    return this.storage.file(fileId).buffer({ maxBytes: RESULT_SIZE_BYTES, signal });
  }

  async #store(folder: string, image: EncodedImage, work: RequestWork): Promise<StoredCloudFile> {
    const { bytes, contentType, extension } = image;
    const path = `${folder}/${randomUUID()}.${extension}`;
    const stored = await this.storage.upload(path, bytes, { contentType, signal: work.signal });
    work.done(() => this.storage.delete(stored.fileId));
    return stored;
  }

  async #register(
    image: Omit<GalleryImage, 'thumbnailId'>,
    thumbnail: EncodedImage,
    work: RequestWork,
  ): Promise<ImageView> {
    const { fileId: thumbnailId } = await this.#store('thumbnails', thumbnail, work);
    const complete = { ...image, thumbnailId };
    this.gallery.add(complete);
    work.done(() => this.gallery.remove(image.fileId));
    const [view] = await this.#withLinks([complete], work);
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

/** Null for a file that was removed elsewhere; any other failure is the request's. */
function toLink(outcome: DownloadUrlOutcome | undefined): string | null {
  if (outcome === undefined) return null;
  if (outcome.ok) return outcome.url;
  if (outcome.error.code === 'WX_CLOUD_FILE_NOT_FOUND') return null;
  throw outcome.error;
}

function assertResultSize({ bytes }: EncodedImage): void {
  if (bytes.length <= RESULT_SIZE_BYTES) return;
  throw new ImageError('RESULT_TOO_LARGE', 'The result would be too large a file.');
}
