// An application in a process of its own, so that its memory can be measured. argv[2] is the name
// of the adapter, argv[3] holds the options of the module as JSON.
import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import {
  Controller,
  Get,
  Inject,
  Module,
  Post,
  Query,
  UploadedFile,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  WxCloudFileInterceptor,
  WxCloudStorageModule,
  WxCloudStorageService,
} from 'nestjs-wx-cloud-storage';

const [, , adapterName, json] = process.argv;
const adapters = {
  express: async () => new (await import('@nestjs/platform-express')).ExpressAdapter(),
  fastify: async () => new (await import('@nestjs/platform-fastify')).FastifyAdapter(),
};

let peakBytes = 0;
const watch = () => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
};

class UploadController {
  constructor(storage) {
    this.storage = storage;
  }

  create(file) {
    return { fileId: file.fileId, size: file.size, cloudPath: file.cloudPath };
  }

  /** Reads a file to its end and returns the hash of its content. */
  async hash({ fileId }) {
    const { body, size } = await this.storage.download(fileId);
    const hash = createHash('sha256');
    await pipeline(body, hash);
    return { size, sha256: hash.digest('hex') };
  }

  /** Downloads a file into a local one. */
  async save({ fileId, localPath }) {
    await this.storage.downloadToFile(fileId, localPath);
    return { ok: true };
  }

  /** The peak since the last call, and a new start. */
  memory() {
    watch();
    const response = { peakBytes };
    peakBytes = process.memoryUsage.rss();
    return response;
  }
}

const describeMethod = name => Object.getOwnPropertyDescriptor(UploadController.prototype, name);
const limits = { fileSize: 400 * 1024 * 1024 };
Controller()(UploadController);
Inject(WxCloudStorageService)(UploadController, undefined, 0);
Post('upload')(UploadController.prototype, 'create', describeMethod('create'));
UseInterceptors(WxCloudFileInterceptor('file', { limits }))(
  UploadController.prototype,
  'create',
  describeMethod('create'),
);
UploadedFile()(UploadController.prototype, 'create', 0);
for (const name of ['hash', 'save']) {
  Get(name)(UploadController.prototype, name, describeMethod(name));
  Query()(UploadController.prototype, name, 0);
}
Get('memory')(UploadController.prototype, 'memory', describeMethod('memory'));

class ApplicationModule {}
Module({
  imports: [WxCloudStorageModule.forRoot(JSON.parse(json))],
  controllers: [UploadController],
})(ApplicationModule);

const adapter = await adapters[adapterName]();
const app = await NestFactory.create(ApplicationModule, adapter, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
setInterval(watch, 10).unref();
process.send({ url: await app.getUrl() });
process.once('disconnect', () => void app.close());
