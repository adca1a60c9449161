import { Controller, Get, Query } from '@nestjs/common';
import { ParseFileIdPipe } from 'nestjs-wx-cloud-storage';
import type { CloudRequest } from '../cloud/cloud.js';
import { Gallery } from './gallery.js';
import { ImageRequests } from './image-requests.js';
import { IMAGE_FOLDERS } from './limits.js';

/** A request that the cloud received while an image was stored. */
interface RequestView extends Pick<
  CloudRequest,
  'operation' | 'method' | 'requestBytes' | 'responseBytes' | 'durationMs' | 'status'
> {
  /** The sender: this application, or a page directly from its browser. */
  readonly sender: 'application' | 'browser';
}

/** Shows the requests to the cloud: only they carry bytes, everything else uses file IDs. */
@Controller('api/requests')
export class RequestsController {
  constructor(
    private readonly gallery: Gallery,
    private readonly requests: ImageRequests,
  ) {}

  /**
   * Returns the requests that stored an image and its thumbnail, oldest first.
   * @throws {ImageError} `IMAGE_UNKNOWN`
   */
  @Get()
  list(@Query('fileId', ParseFileIdPipe.with({ prefixes: IMAGE_FOLDERS })) fileId: string): {
    requests: readonly RequestView[];
  } {
    return { requests: this.requests.of(this.gallery.get(fileId)).map(toView) };
  }
}

function toView(request: CloudRequest): RequestView {
  const { operation, method, requestBytes, responseBytes, durationMs, status } = request;
  const sender = request.fromBrowser === true ? 'browser' : 'application';
  return { operation, method, sender, requestBytes, responseBytes, durationMs, status };
}
