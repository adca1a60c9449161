import { Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WxCloudFileInterceptor, WxCloudStorageModule } from 'nestjs-wx-cloud-storage';

/** The size limit of a form's file; the largest that is sent has 6 MiB. */
const LIMITS = { fileSize: 16_777_216 };

/**
 * Starts an application on a free port of the loopback address. Its one route, `POST /files`, stores
 * the file of a form in the folder that the header `x-live-folder` names.
 */
export async function startApplication(options) {
  class FilesController {
    create(file) {
      return file;
    }
  }
  const path = (file, { headers }) => `${headers['x-live-folder']}/${file.uuid}.bin`;
  const prototype = FilesController.prototype;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'create');
  UploadedFile()(prototype, 'create', 0);
  UseInterceptors(WxCloudFileInterceptor('file', { path, limits: LIMITS }))(
    prototype,
    'create',
    descriptor,
  );
  Post()(prototype, 'create', descriptor);
  Controller('files')(FilesController);

  class LiveModule {}
  Module({ imports: [WxCloudStorageModule.forRoot(options)], controllers: [FilesController] })(
    LiveModule,
  );
  const app = await NestFactory.create(LiveModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  return app;
}
