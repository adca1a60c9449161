import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { CLOUD, type Cloud } from './cloud.js';
import { MemoryPendingFileStore } from './memory-pending-file-store.js';

/** Closes the cloud when the application ends. */
@Injectable()
class CloudCloser implements OnApplicationShutdown {
  constructor(@Inject(CLOUD) private readonly cloud: Cloud) {}

  async onApplicationShutdown(): Promise<void> {
    await this.cloud.close();
  }
}

/** Makes the cloud, and the list of its pending files, available for injection everywhere. */
@Module({})
export class CloudModule {
  static of(cloud: Cloud): DynamicModule {
    return {
      module: CloudModule,
      global: true,
      providers: [{ provide: CLOUD, useValue: cloud }, CloudCloser, MemoryPendingFileStore],
      exports: [CLOUD, MemoryPendingFileStore],
    };
  }
}
