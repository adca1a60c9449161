import { Module, type DynamicModule } from '@nestjs/common';
import { WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
import { CLOUD, type Cloud } from './cloud/cloud.js';
import { CloudModule } from './cloud/cloud.module.js';
import { MemoryPendingFileStore } from './cloud/memory-pending-file-store.js';
import { CosImagesModule } from './images/cos-images.module.js';
import { ImagesModule } from './images/images.module.js';

/** The image lab. */
@Module({})
export class AppModule {
  /** Creates the module for a cloud. */
  static on(cloud: Cloud): DynamicModule {
    return {
      module: AppModule,
      imports: [
        CloudModule.of(cloud),
        WxCloudStorageModule.forRootAsync({
          isGlobal: true,
          inject: [CLOUD, MemoryPendingFileStore],
          useFactory: ({ storageOptions }: Cloud, pending: MemoryPendingFileStore) => ({
            ...storageOptions,
            pending,
          }),
        }),
        ImagesModule,
        ...(cloud.cosOptions === undefined ? [] : [CosImagesModule.on(cloud.cosOptions)]),
      ],
    };
  }
}
