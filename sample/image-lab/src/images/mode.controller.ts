import { Controller, Get, Inject } from '@nestjs/common';
import { CLOUD, type Cloud } from '../cloud/cloud.js';
import { CONTENT_TYPES, FILE_SIZE_BYTES, GALLERY_IMAGES } from './limits.js';

/** What a client has to know beforehand. */
interface Mode {
  /** Where images go. */
  readonly mode: Cloud['mode'];
  /** The environment ID. */
  readonly env: string;
  /** Bytes of an uploaded file. */
  readonly fileSizeBytes: number;
  /** The types that are taken. */
  readonly contentTypes: readonly string[];
  /** The number of images that the gallery holds. */
  readonly galleryImages: number;
  /** True when the requests that the cloud gets can be shown. */
  readonly showsRequests: boolean;
}

/** Says where images go, and what is taken. */
@Controller('api/mode')
export class ModeController {
  constructor(@Inject(CLOUD) private readonly cloud: Cloud) {}

  @Get()
  read(): Mode {
    const { mode, env } = this.cloud;
    return {
      mode,
      env,
      fileSizeBytes: FILE_SIZE_BYTES,
      contentTypes: CONTENT_TYPES,
      galleryImages: GALLERY_IMAGES,
      showsRequests: mode === 'emulator',
    };
  }
}
