import { Injectable } from '@nestjs/common';
import { WxCloudStorageService, type WxCloudUploadForm } from 'nestjs-wx-cloud-storage';
import { toDisplayName } from '../display-name.js';
import { ImagesService, type ImageView } from '../images.service.js';
import { CONTENT_TYPES, FILE_SIZE_BYTES, UPLOADED_FOLDER } from '../limits.js';
import type { RequestWork } from '../request-work.js';
import { PendingUploads } from './pending-uploads.js';
import type { UploadRequest } from './read-upload-request.js';

/** Creates forms for direct uploads and checks the uploaded files. */
@Injectable()
export class DirectUploadsService {
  constructor(
    private readonly storage: WxCloudStorageService,
    private readonly images: ImagesService,
    private readonly pending: PendingUploads,
  ) {}

  /** Creates a form for one file, at a unique path. */
  async open(
    { name, contentType, extension }: UploadRequest,
    { signal }: RequestWork,
  ): Promise<Omit<WxCloudUploadForm, 'ticket'>> {
    this.images.assertHasRoom();
    const { ticket: _, ...form } = await this.pending.open(toDisplayName(name), () =>
      this.storage.createUploadForm(UPLOADED_FOLDER, { contentType, extension, signal }),
    );
    // The ticket stays on the server: the client does not need it.
    return form;
  }

  /**
   * Adds a file to the gallery, or deletes it if it is refused.
   * @throws {ImageError} `UPLOAD_UNKNOWN`, and the errors of {@link ImagesService.add}
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
