import { Body, Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FileInterceptor } from '@nestjs/platform-express';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../../lib/emulator/index.js';
import {
  ParseFileIdPipe,
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  WxCloudStorageModule,
  WxCloudStorageService,
  WxUploadProgress,
  wxCloudUpload,
  type WxCloudUploadInterceptorOptions,
} from '../../../lib/index.js';

let emulator: WxCloudEmulator;
beforeAll(async () => {
  emulator = await startWxCloudEmulator();
});
afterAll(() => emulator.close());

/** The module of an application that has every kind of route, as a worker that shares it uses it. */
function makeModule(options: WxCloudUploadInterceptorOptions) {
  @Controller()
  class PhotosController {
    constructor(readonly progress: WxUploadProgress) {}

    @Post('photos')
    @UseInterceptors(WxCloudFileInterceptor('photo', options))
    create(@UploadedFile() photo: unknown) {
      return photo;
    }

    @Post('engine')
    @UseInterceptors(FileInterceptor('photo', { storage: wxCloudUpload() }))
    engine() {
      return 'stored';
    }

    @Post('report')
    @UseInterceptors(WxCloudReplyInterceptor({ whenOverBytes: 1_000 }))
    report(@Body('fileId', ParseFileIdPipe) fileId: string) {
      return fileId;
    }
  }

  @Module({
    imports: [WxCloudStorageModule.forRoot({ ...emulator.options, isGlobal: true })],
    controllers: [PhotosController],
  })
  class WorkerModule {}
  return WorkerModule;
}

const start = (options: WxCloudUploadInterceptorOptions = {}) =>
  NestFactory.createApplicationContext(makeModule(options), { logger: false, abortOnError: false });

describe('an application without HTTP', () => {
  it('starts with upload routes in its modules, stores, and ends', async () => {
    const application = await start();
    const { cloudPath } = await application.get(WxCloudStorageService).upload('a.txt', 'text');
    await application.close();

    expect(emulator.objects).toMatchObject([{ cloudPath }]);
  });

  it('is told at its start about an instance that it does not have', async () => {
    await expect(start({ storage: 'archive' })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: expect.stringContaining('"archive"'),
    });
  });
});
