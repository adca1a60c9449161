import { Inject, Injectable } from '@nestjs/common';
import { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
import { CLOUD, type Cloud, type CloudRequest } from '../cloud/cloud.js';
import type { GalleryImage } from './gallery.js';
import { SHOWN_REQUESTS } from './limits.js';

/** The requests to the cloud that it took to store each image, as the cloud has seen them. */
@Injectable()
export class ImageRequests {
  readonly #requests = new WeakMap<GalleryImage, readonly CloudRequest[]>();

  constructor(
    @Inject(CLOUD) private readonly cloud: Cloud,
    private readonly storage: WxCloudStorageService,
  ) {}

  /** Keeps the newest requests so far: those that come later only show the image. */
  record(image: GalleryImage): void {
    const paths = [image.fileId, image.thumbnailId].map(id => this.storage.file(id).cloudPath);
    this.#requests.set(image, this.cloud.requestsAbout(paths).slice(-SHOWN_REQUESTS));
  }

  /** The oldest first; none where the cloud keeps no journal. */
  of(image: GalleryImage): readonly CloudRequest[] {
    return this.#requests.get(image) ?? [];
  }
}
