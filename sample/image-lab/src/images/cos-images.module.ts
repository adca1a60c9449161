import {
  Controller,
  Module,
  Post,
  UploadedFile,
  UseInterceptors,
  type DynamicModule,
} from '@nestjs/common';
import {
  WxCloudFileInterceptor,
  WxCloudStorageModule,
  type WxCloudStorageOptions,
  type WxCloudUploadedFile,
} from 'nestjs-wx-cloud-storage';
import { MemoryPendingFileStore } from '../cloud/memory-pending-file-store.js';
import { UPLOAD_OPTIONS } from './images.controller.js';
import { ImagesModule } from './images.module.js';
import { ImagesService, type ImageView } from './images.service.js';
import { Work, type RequestWork } from './request-work.js';

/** The name of the instance that has keys of the bucket. */
const COS = 'cos';

/** Stores images with requests that this application signs, without upload links. */
@Controller('api/images/cos')
class CosImagesController {
  constructor(private readonly images: ImagesService) {}

  /** Runs when the file is stored; the file is deleted if this fails. */
  @Post()
  @UseInterceptors(WxCloudFileInterceptor('image', { ...UPLOAD_OPTIONS, storage: COS }))
  async create(
    @UploadedFile() file: WxCloudUploadedFile,
    @Work() work: RequestWork,
  ): Promise<ImageView> {
    return this.images.add({ ...file, name: file.originalname }, work);
  }
}

/** The second way to the storage, for a cloud whose bucket gives keys. */
@Module({})
export class CosImagesModule {
  static on(options: WxCloudStorageOptions): DynamicModule {
    return {
      module: CosImagesModule,
      imports: [
        WxCloudStorageModule.forRootAsync({
          name: COS,
          // The same list as that of the other instance, so that one sweep serves both.
          inject: [MemoryPendingFileStore],
          useFactory: (pending: MemoryPendingFileStore) => ({ ...options, pending }),
        }),
        ImagesModule,
      ],
      controllers: [CosImagesController],
    };
  }
}
