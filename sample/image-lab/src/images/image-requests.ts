import { Inject, Injectable } from '@nestjs/common';
import { WxCloudStorageService } from 'nestjs-wx-cloud-storage';
import { CLOUD, type Cloud, type CloudRequest } from '../cloud/cloud.js';
import type { GalleryImage } from './gallery.js';
import { SHOWN_REQUESTS } from './limits.js';

/** The requests to the cloud that storing each image took. */
@Injectable()
export class ImageRequests {
  readonly #requests = new WeakMap<GalleryImage, readonly CloudRequest[]>();

  constructor(
    @Inject(CLOUD) private readonly cloud: Cloud,
    private readonly storage: WxCloudStorageService,
  ) {}

  /** Keeps the latest requests up to now: later ones only display the image. */
  record(image: GalleryImage): void {
    const paths = [image.fileId, image.thumbnailId].map(id => this.storage.file(id).cloudPath);
    this.#requests.set(image, this.cloud.requestsAbout(paths).slice(-SHOWN_REQUESTS));
  }

  /** Returns the requests, oldest first; none if the cloud has no journal. */
  of(image: GalleryImage): readonly CloudRequest[] {
    return this.#requests.get(image) ?? [];
  }
}
