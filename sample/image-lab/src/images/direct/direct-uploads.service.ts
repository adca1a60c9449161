import { Injectable } from '@nestjs/common';
import { WxCloudStorageService, type WxCloudUploadForm } from 'nestjs-wx-cloud-storage';
import { MemoryPendingFileStore } from '../../cloud/memory-pending-file-store.js';
import { Gallery } from '../gallery.js';
import { ImageError } from '../image-error.js';
import { ImagesService, type ImageView } from '../images.service.js';
import { CONTENT_TYPES, FILE_SIZE_BYTES, FORM_MS, OPEN_FORMS, UPLOADED_FOLDER } from '../limits.js';
import type { RequestWork } from '../request-work.js';
import type { FileType, PostedFile } from './read-upload-request.js';

/**
 * Creates forms for direct uploads and checks the uploaded files. It keeps no list of forms: a
 * ticket proves that a form was made here, and the package records the file of each form as
 * pending until it is confirmed.
 */
@Injectable()
export class DirectUploadsService {
  readonly #confirming = new Set<string>();
  #opening = 0;

  constructor(
    private readonly storage: WxCloudStorageService,
    private readonly pending: MemoryPendingFileStore,
    private readonly images: ImagesService,
    private readonly gallery: Gallery,
  ) {}

  /**
   * Creates a form for one file, at a unique path.
   * @throws {ImageError} `GALLERY_FULL`, `LAB_BUSY`
   */
  async open(
    { contentType, extension }: FileType,
    { signal }: RequestWork,
  ): Promise<WxCloudUploadForm> {
    this.images.assertHasRoom();
    if (this.pending.size + this.#opening >= OPEN_FORMS) {
      throw new ImageError('LAB_BUSY', 'Too many uploads are open. Try again in some minutes.');
    }
    this.#opening += 1;
    try {
      const options = { contentType, extension, signal };
      return await this.storage.createUploadForm(UPLOADED_FOLDER, options);
    } finally {
      this.#opening -= 1;
    }
  }

  /**
   * Adds a file to the gallery, or deletes it if it is refused.
   * @throws {ImageError} `UPLOAD_CONFIRMED`, and the errors of {@link ImagesService.add}
   */
  async confirm({ fileId, ticket, name }: PostedFile, work: RequestWork): Promise<ImageView> {
    this.#startConfirming(fileId, work);
    const { size, contentType } = await this.storage.confirmUpload(fileId, {
      ticket,
      maxBytes: FILE_SIZE_BYTES,
      contentTypes: CONTENT_TYPES,
      signal: work.signal,
    });
    const [image] = await Promise.all([
      this.images.add({ fileId, name, size, contentType }, work),
      // The form can store the file again, also after the image was deleted: a later sweep looks.
      this.pending.add([{ fileId, reason: 'form', dueInMs: FORM_MS }]),
    ]);
    return image;
  }

  /** Lets one request at a time confirm a file, and none if it is in the gallery. */
  #startConfirming(fileId: string, work: RequestWork): void {
    if (this.#confirming.has(fileId) || this.gallery.has(fileId)) {
      throw new ImageError('UPLOAD_CONFIRMED', 'The upload is confirmed, or is being confirmed.');
    }
    this.#confirming.add(fileId);
    const release = (): unknown => this.#confirming.delete(fileId);
    // The first step is undone last: nobody may confirm a file that is being deleted.
    work.done(release);
    work.whenOver(() => {
      if (!work.signal.aborted) release();
    });
  }
}
