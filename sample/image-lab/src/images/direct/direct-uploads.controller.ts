import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ParseFileIdPipe, type WxCloudUploadForm } from 'nestjs-wx-cloud-storage';
import type { ImageView } from '../images.service.js';
import { UPLOADED_FOLDER } from '../limits.js';
import { Work, type RequestWork } from '../request-work.js';
import { DirectUploadsService } from './direct-uploads.service.js';
import { readFileType, readPostedFile } from './read-upload-request.js';

/** Uploads whose bytes bypass this server: the page posts them directly to the storage. */
@Controller('api/direct-uploads')
export class DirectUploadsController {
  constructor(private readonly uploads: DirectUploadsService) {}

  /** Creates the form for one file. */
  @Post()
  async open(
    @Body('contentType') contentType: unknown,
    @Work() work: RequestWork,
  ): Promise<WxCloudUploadForm> {
    return this.uploads.open(readFileType(contentType), work);
  }

  /** Checks an upload after its form was posted, and adds it to the gallery. */
  @Post('confirm')
  @HttpCode(200)
  async confirm(
    @Body('fileId', ParseFileIdPipe.with({ prefixes: [UPLOADED_FOLDER] })) fileId: string,
    @Body() body: unknown,
    @Work() work: RequestWork,
  ): Promise<ImageView> {
    return this.uploads.confirm(readPostedFile(fileId, body), work);
  }
}
