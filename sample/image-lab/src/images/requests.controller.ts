import { Controller, Get, Inject, Query } from '@nestjs/common';
import { WxCloudFilePipe, WxCloudStorageService, type WxCloudFile } from 'nestjs-wx-cloud-storage';
import { CLOUD, type Cloud, type CloudRequest } from '../cloud/cloud.js';
import { Gallery } from './gallery.js';
import { IMAGE_FOLDERS, SHOWN_REQUESTS } from './limits.js';

/** One request that the cloud has got about an image. */
interface RequestView extends Pick<
  CloudRequest,
  'operation' | 'method' | 'requestBytes' | 'responseBytes' | 'durationMs' | 'status'
> {
  /** Who has sent it: this application, or a page straight from its browser. */
  readonly sender: 'application' | 'browser';
}

/** What the cloud was asked for: bytes go to it and come from it, all else is done by file ID. */
@Controller('api/requests')
export class RequestsController {
  constructor(
    @Inject(CLOUD) private readonly cloud: Cloud,
    private readonly gallery: Gallery,
    private readonly storage: WxCloudStorageService,
  ) {}

  /** The requests about an image and its thumbnail, the oldest first. @throws {ImageError} `IMAGE_UNKNOWN` */
  @Get()
  list(@Query('fileId', WxCloudFilePipe.with({ prefixes: IMAGE_FOLDERS })) file: WxCloudFile): {
    requests: readonly RequestView[];
  } {
    const { thumbnailId } = this.gallery.get(file.fileId);
    const paths = [file.cloudPath, this.storage.file(thumbnailId).cloudPath];
    const requests = this.cloud.requestsAbout(paths).slice(-SHOWN_REQUESTS);
    return { requests: requests.map(toView) };
  }
}

function toView(request: CloudRequest): RequestView {
  const { operation, method, requestBytes, responseBytes, durationMs, status } = request;
  const sender = request.origin === undefined ? 'application' : 'browser';
  return { operation, method, sender, requestBytes, responseBytes, durationMs, status };
}
