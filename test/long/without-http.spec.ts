import { Body, Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  MessagePattern,
  Payload,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { FileInterceptor } from '@nestjs/platform-express';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { startWxCloudEmulator, type WxCloudEmulator } from '../../lib/emulator/index.js';
import {
  ParseFileIdPipe,
  WxCloudAnyFilesInterceptor,
  WxCloudFileInterceptor,
  WxCloudReplyInterceptor,
  WxCloudStorageModule,
  WxCloudStorageService,
  WxCloudUploadProgress,
  wxCloudUpload,
  type WxCloudUploadInterceptorOptions,
} from '../../lib/index.js';
import { freePort } from '../support/redis-server.js';

let emulator: WxCloudEmulator;
beforeAll(async () => {
  emulator = await startWxCloudEmulator();
});
afterAll(() => emulator.close());

/** The module of an application with every kind of route, as used by a worker that shares it. */
function makeModule(options: WxCloudUploadInterceptorOptions) {
  @Controller()
  class PhotosController {
    constructor(readonly progress: WxCloudUploadProgress) {}

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

/** The same application with a message handler, and an upload interceptor before all handlers. */
function makeWorker() {
  @Controller()
  class MessagesController {
    readonly #storage: WxCloudStorageService;

    constructor(storage: WxCloudStorageService) {
      this.#storage = storage;
    }

    @MessagePattern('store')
    async store(@Payload() text: string) {
      return (await this.#storage.upload('messages/a.txt', text)).fileId;
    }
  }

  @Module({
    imports: [makeModule({})],
    controllers: [MessagesController],
    providers: [
      { provide: APP_INTERCEPTOR, useClass: WxCloudAnyFilesInterceptor() },
      { provide: APP_INTERCEPTOR, useClass: WxCloudReplyInterceptor({ whenOverBytes: 4 }) },
    ],
  })
  class MicroserviceModule {}
  return MicroserviceModule;
}

/** A free port for the messages of one test. */
const start = (options: WxCloudUploadInterceptorOptions = {}) =>
  NestFactory.createApplicationContext(makeModule(options), { logger: false, abortOnError: false });

describe('an application without HTTP', () => {
  it('starts with upload routes in its modules, stores, and ends', async () => {
    const application = await start();
    const { cloudPath } = await application.get(WxCloudStorageService).upload('a.txt', 'text');
    await application.close();

    expect(emulator.objects).toMatchObject([{ cloudPath }]);
  });

  it('rejects at startup an instance that does not exist', async () => {
    await expect(start({ storage: 'archive' })).rejects.toMatchObject({
      code: 'WX_CLOUD_OPTIONS_INVALID',
      message: expect.stringContaining('"archive"'),
    });
  });

  it('starts as a microservice whose messages pass global interceptors', async () => {
    const options = { host: '127.0.0.1', port: await freePort() };
    const service = await NestFactory.createMicroservice<MicroserviceOptions>(makeWorker(), {
      transport: Transport.TCP,
      options,
      logger: false,
      abortOnError: false,
    });
    await service.listen();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    const fileId = await firstValueFrom(client.send<string>('store', 'text'));
    await client.close();
    await service.close();

    expect(emulator.objects.map(object => object.fileId)).toContain(fileId);
  });
});
