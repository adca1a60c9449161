import { Module } from '@nestjs/common';
import { Gallery } from './gallery.js';
import { ImagesController } from './images.controller.js';
import { ImagesService } from './images.service.js';
import { ModeController } from './mode.controller.js';

/** The gallery and what can be done with its images. */
@Module({
  controllers: [ModeController, ImagesController],
  providers: [Gallery, ImagesService],
})
export class ImagesModule {}
