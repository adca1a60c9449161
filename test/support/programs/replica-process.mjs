// A replica of an application in a process of its own. argv[2] is { options, redisUrl } as JSON.
import 'reflect-metadata';
import {
  Controller,
  Get,
  Inject,
  Module,
  Param,
  Post,
  Query,
  Sse,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import {
  WxCloudAnyFilesInterceptor,
  WxCloudStorageModule,
  WxCloudStorageService,
  WxCloudUploadProgress,
} from 'nestjs-wx-cloud-storage';
import { redisReplicaChannel } from 'nestjs-wx-cloud-storage/redis';

const { options, redisUrl } = JSON.parse(process.argv[2]);
const publisher = new Redis(redisUrl, { retryStrategy: () => 50 });
const subscriber = publisher.duplicate();
// A lost connection is part of the tests.
for (const client of [publisher, subscriber]) client.on('error', () => {});

class VideosController {
  constructor(progress, storage) {
    this.progress = progress;
    this.storage = storage;
  }

  create() {
    return { ok: true };
  }

  watch(id) {
    return this.progress.watch(id);
  }

  async link({ fileId }) {
    return this.storage.getDownloadUrl(fileId).then(
      () => ({ code: 'ok' }),
      error => ({ code: error.code }),
    );
  }

  async remove({ fileId }) {
    await this.storage.delete(fileId);
    return { code: 'ok' };
  }
}

const { prototype } = VideosController;
const describeMethod = name => Object.getOwnPropertyDescriptor(prototype, name);
Controller()(VideosController);
Inject(WxCloudUploadProgress)(VideosController, undefined, 0);
Inject(WxCloudStorageService)(VideosController, undefined, 1);
Post('videos')(prototype, 'create', describeMethod('create'));
UseInterceptors(WxCloudAnyFilesInterceptor({ progressId: { header: 'x-upload-id' } }))(
  prototype,
  'create',
  describeMethod('create'),
);
Sse('progress/:id')(prototype, 'watch', describeMethod('watch'));
Param('id')(prototype, 'watch', 0);
for (const name of ['link', 'remove']) {
  Get(name)(prototype, name, describeMethod(name));
  Query()(prototype, name, 0);
}

class ReplicaModule {}
Module({
  imports: [
    WxCloudStorageModule.forRoot({
      ...options,
      replicas: redisReplicaChannel(publisher, subscriber),
    }),
  ],
  controllers: [VideosController],
})(ReplicaModule);

const app = await NestFactory.create(ReplicaModule, { logger: false });
await app.listen(0, '127.0.0.1');
process.once('disconnect', async () => {
  await app.close();
  publisher.disconnect();
  subscriber.disconnect();
});
process.send({ url: await app.getUrl() });
