import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Post,
  Query,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { WxCloudFileInterceptor, type WxCloudUploadedFile } from 'nestjs-wx-cloud-storage';
import { ImagesService, type ImageView } from './images.service.js';
import { CONTENT_TYPES, FILE_SIZE_BYTES } from './limits.js';
import { readFileId, readOperationRequest } from './operations/read-operation-request.js';
import { Work, type RequestWork } from './request-work.js';

const upload = WxCloudFileInterceptor('image', {
  path: 'images/',
  contentTypes: CONTENT_TYPES,
  limits: { fileSize: FILE_SIZE_BYTES },
});

/** What the page, or a mini program, calls. */
@Controller('api')
export class ImagesController {
  constructor(private readonly images: ImagesService) {}

  @Get('images')
  async list(@Work() work: RequestWork): Promise<{ images: readonly ImageView[] }> {
    return { images: await this.images.list(work) };
  }

  /** The file is stored when this runs, and removed again when it fails. */
  @Post('images')
  @UseInterceptors(upload)
  async create(
    @UploadedFile() file: WxCloudUploadedFile,
    @Work() work: RequestWork,
  ): Promise<ImageView> {
    return this.images.add(file, work);
  }

  /** A file ID comes in and a file ID goes out: small enough for `wx.cloud.callContainer`. */
  @Post('operations')
  async process(@Body() body: unknown, @Work() work: RequestWork): Promise<ImageView> {
    return this.images.process(readOperationRequest(body), work);
  }

  @Delete('images')
  @HttpCode(204)
  async remove(@Query('fileId') fileId: unknown): Promise<void> {
    await this.images.remove(readFileId(fileId));
  }
}
