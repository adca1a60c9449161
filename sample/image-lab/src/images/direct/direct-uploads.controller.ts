import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ParseFileIdPipe, type WxCloudUploadForm } from 'nestjs-wx-cloud-storage';
import type { ImageView } from '../images.service.js';
import { UPLOADED_FOLDER } from '../limits.js';
import { Work, type RequestWork } from '../request-work.js';
import { DirectUploadsService } from './direct-uploads.service.js';
import { readUploadRequest } from './read-upload-request.js';

/** Uploads whose bytes bypass this server: the page posts them directly to the storage. */
@Controller('api/direct-uploads')
export class DirectUploadsController {
  constructor(private readonly uploads: DirectUploadsService) {}

  /** Creates the form for one file. */
  @Post()
  async open(
    @Body() body: unknown,
    @Work() work: RequestWork,
  ): Promise<Omit<WxCloudUploadForm, 'ticket'>> {
    return this.uploads.open(readUploadRequest(body), work);
  }

  /** Checks an upload after its form was posted, and adds it to the gallery. */
  @Post('confirm')
  @HttpCode(200)
  async confirm(
    @Body('fileId', ParseFileIdPipe.with({ prefixes: [UPLOADED_FOLDER] })) fileId: string,
    @Work() work: RequestWork,
  ): Promise<ImageView> {
    return this.uploads.confirm(fileId, work);
  }
}
