import { Controller, Get, Inject } from '@nestjs/common';
import { CLOUD, type Cloud } from '../cloud/cloud.js';
import { CONTENT_TYPES, FILE_SIZE_BYTES, GALLERY_IMAGES } from './limits.js';

/** The facts that a client needs first. */
interface Mode {
  /** The cloud that stores the images. */
  readonly mode: Cloud['mode'];
  /** The environment ID. */
  readonly env: string;
  /** The maximum size of an uploaded file in bytes. */
  readonly fileSizeBytes: number;
  /** The accepted types. */
  readonly contentTypes: readonly string[];
  /** The maximum number of images in the gallery. */
  readonly galleryImages: number;
  /** True if the requests to the cloud can be shown. */
  readonly showsRequests: boolean;
  /** True if images can be sent with keys of the bucket, to `/api/images/cos`. */
  readonly takesCos: boolean;
}

/** Returns the cloud in use and the limits. */
@Controller('api/mode')
export class ModeController {
  constructor(@Inject(CLOUD) private readonly cloud: Cloud) {}

  @Get()
  read(): Mode {
    const { mode, env, cosOptions } = this.cloud;
    return {
      mode,
      env,
      fileSizeBytes: FILE_SIZE_BYTES,
      contentTypes: CONTENT_TYPES,
      galleryImages: GALLERY_IMAGES,
      showsRequests: mode === 'emulator',
      takesCos: cosOptions !== undefined,
    };
  }
}
