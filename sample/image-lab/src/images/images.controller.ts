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
import {
  ParseFileIdPipe,
  WxCloudFileInterceptor,
  WxCloudFilePipe,
  WxCloudReplyInterceptor,
  type WxCloudFile,
  type WxCloudUploadedFile,
  type WxCloudUploadInterceptorOptions,
} from 'nestjs-wx-cloud-storage';
import { ImagesService, type ImageView, type Removal, type ResultFile } from './images.service.js';
import {
  CONTENT_TYPES,
  FILE_SIZE_BYTES,
  IMAGE_FOLDERS,
  PROCESSED_FOLDER,
  UPLOADED_FOLDER,
} from './limits.js';
import { readOperation } from './operations/read-operation.js';
import { readDeletion } from './read-deletion.js';
import { Work, type RequestWork } from './request-work.js';
import { ResultInterceptor } from './result.interceptor.js';

/** The options for an uploaded image, on every way to the storage. */
export const UPLOAD_OPTIONS: WxCloudUploadInterceptorOptions = {
  path: UPLOADED_FOLDER,
  contentTypes: CONTENT_TYPES,
  limits: { fileSize: FILE_SIZE_BYTES },
  progressId: { header: 'x-upload-id' },
};

const upload = WxCloudFileInterceptor('image', UPLOAD_OPTIONS);

const storeResult = WxCloudReplyInterceptor({ path: PROCESSED_FOLDER });

/** The API of the page and of mini programs. */
@Controller('api')
export class ImagesController {
  constructor(private readonly images: ImagesService) {}

  @Get('images')
  async list(@Work() work: RequestWork): Promise<{ images: readonly ImageView[] }> {
    return { images: await this.images.list(work) };
  }

  /** Runs when the file is stored; the file is deleted if this fails. */
  @Post('images')
  @UseInterceptors(upload)
  async create(
    @UploadedFile() file: WxCloudUploadedFile,
    @Work() work: RequestWork,
  ): Promise<ImageView> {
    return this.images.add({ ...file, name: file.originalname }, work);
  }

  /**
   * Receives a file ID and returns a file ID, small enough for `wx.cloud.callContainer`. The bytes
   * stay between this server and the storage.
   */
  @Post('operations')
  @UseInterceptors(ResultInterceptor, storeResult)
  async process(
    @Body('fileId', WxCloudFilePipe.with({ prefixes: IMAGE_FOLDERS })) file: WxCloudFile,
    @Body() body: unknown,
    @Work() work: RequestWork,
  ): Promise<ResultFile> {
    return this.images.process(file, readOperation(body), work);
  }

  /** Deletes each image independently: a failure does not affect the others. */
  @Post('images/delete')
  @HttpCode(200)
  async removeMany(
    @Body('fileIds', ParseFileIdPipe.with({ prefixes: IMAGE_FOLDERS, many: true }))
    fileIds: string[],
  ): Promise<Removal> {
    return this.images.removeMany(readDeletion(fileIds));
  }

  @Delete('images')
  @HttpCode(204)
  async remove(
    @Query('fileId', ParseFileIdPipe.with({ prefixes: IMAGE_FOLDERS })) fileId: string,
  ): Promise<void> {
    await this.images.remove(fileId);
  }
}
