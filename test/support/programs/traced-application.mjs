// An application in a process of its own, as instrumentations hook only what is loaded after them.
// argv[2] is { adapter, options } as JSON. Each message asks for all spans that have ended.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { instrumentWxCloudStorage } from 'nestjs-wx-cloud-storage/opentelemetry';

const { adapter: adapterName, options } = JSON.parse(process.argv[2]);
const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
for (const Instrumentation of [HttpInstrumentation, UndiciInstrumentation]) {
  new Instrumentation().setTracerProvider(tracerProvider);
}
// The hook of instrumentations: it changes the server that everything else gets.
createRequire(import.meta.url)('node:http');
instrumentWxCloudStorage({ tracerProvider });

const { Controller, Get, Inject, Module, Post, Query, UploadedFile, UseInterceptors } =
  await import('@nestjs/common');
const { NestFactory } = await import('@nestjs/core');
const { WxCloudFileInterceptor, WxCloudStorageModule, WxCloudStorageService } =
  await import('nestjs-wx-cloud-storage');

const adapters = {
  express: async () => new (await import('@nestjs/platform-express')).ExpressAdapter(),
  fastify: async () => new (await import('@nestjs/platform-fastify')).FastifyAdapter(),
};

class PhotosController {
  constructor(storage) {
    this.storage = storage;
  }

  create({ fileId }) {
    return { fileId };
  }

  async read({ fileId }) {
    await this.storage.downloadBuffer(fileId);
    return { url: await this.storage.getDownloadUrl(fileId) };
  }
}

const { prototype } = PhotosController;
const describeMethod = name => Object.getOwnPropertyDescriptor(prototype, name);
Controller('photos')(PhotosController);
Inject(WxCloudStorageService)(PhotosController, undefined, 0);
Post()(prototype, 'create', describeMethod('create'));
UseInterceptors(WxCloudFileInterceptor('photo'))(prototype, 'create', describeMethod('create'));
UploadedFile()(prototype, 'create', 0);
Get()(prototype, 'read', describeMethod('read'));
Query()(prototype, 'read', 0);

class ApplicationModule {}
Module({
  imports: [WxCloudStorageModule.forRoot(options)],
  controllers: [PhotosController],
})(ApplicationModule);

const adapter = await adapters[adapterName]();
const app = await NestFactory.create(ApplicationModule, adapter, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
process.on('message', () => process.send(exporter.getFinishedSpans().map(describe)));
process.once('disconnect', () => void app.close());
process.send({ url: await app.getUrl() });

function describe(span) {
  const { name, kind, attributes, status, events, links } = span;
  const { spanId } = span.spanContext();
  const parentId = span.parentSpanContext?.spanId;
  return { name, kind, attributes, status, events, links, spanId, parentId };
}
