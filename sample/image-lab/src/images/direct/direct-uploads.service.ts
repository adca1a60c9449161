import { Injectable } from '@nestjs/common';
import { WxCloudStorageService, type WxCloudUploadForm } from 'nestjs-wx-cloud-storage';
import { toDisplayName } from '../display-name.js';
import { ImagesService, type ImageView } from '../images.service.js';
import { CONTENT_TYPES, FILE_SIZE_BYTES, UPLOADED_FOLDER } from '../limits.js';
import type { RequestWork } from '../request-work.js';
import { PendingUploads } from './pending-uploads.js';
import type { UploadRequest } from './read-upload-request.js';

/** Hands out forms for the storage, and checks what comes of them. */
@Injectable()
export class DirectUploadsService {
  constructor(
    private readonly storage: WxCloudStorageService,
    private readonly images: ImagesService,
    private readonly pending: PendingUploads,
  ) {}

  /** A form for one file, at a path that nobody else has. */
  async open(
    { name, contentType, extension }: UploadRequest,
    { signal }: RequestWork,
  ): Promise<Omit<WxCloudUploadForm, 'ticket'>> {
    this.images.assertHasRoom();
    const { ticket: _, ...form } = await this.pending.open(toDisplayName(name), () =>
      this.storage.createUploadForm(UPLOADED_FOLDER, { contentType, extension, signal }),
    );
    // The ticket stays here, beside the form's name: the client has no need of it.
    return form;
  }

  /**
   * Takes a file into the gallery, or removes it when it is refused.
   * @throws {ImageError} `UPLOAD_UNKNOWN`, and as {@link ImagesService.add} does
   */
  async confirm(fileId: string, work: RequestWork): Promise<ImageView> {
    const { name, ticket } = this.pending.take(fileId);
    try {
      const { size, contentType } = await this.storage.confirmUpload(fileId, {
        ticket,
        maxBytes: FILE_SIZE_BYTES,
        contentTypes: CONTENT_TYPES,
        signal: work.signal,
      });
      work.done(() => this.storage.delete(fileId));
      const image = await this.images.add({ fileId, name, size, contentType }, work);
      this.pending.settle(fileId, 'confirmed');
      return image;
    } catch (error) {
      this.pending.settle(fileId, 'open');
      throw error;
    }
  }
}
