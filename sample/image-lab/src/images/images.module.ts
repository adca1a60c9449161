import { Module } from '@nestjs/common';
import { DirectUploadsController } from './direct/direct-uploads.controller.js';
import { DirectUploadsService } from './direct/direct-uploads.service.js';
import { Gallery } from './gallery.js';
import { ImageRequests } from './image-requests.js';
import { ImagesController } from './images.controller.js';
import { ImagesService } from './images.service.js';
import { ModeController } from './mode.controller.js';
import { PendingSweep } from './pending-sweep.js';
import { ProgressController } from './progress.controller.js';
import { RequestsController } from './requests.controller.js';

/** The gallery and the operations on its images. */
@Module({
  controllers: [
    ModeController,
    ImagesController,
    DirectUploadsController,
    ProgressController,
    RequestsController,
  ],
  providers: [Gallery, ImageRequests, ImagesService, DirectUploadsService, PendingSweep],
  exports: [ImagesService],
})
export class ImagesModule {}
