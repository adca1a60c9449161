// An application in a process of its own, as instrumentations hook only what is loaded after them.
// argv[2] is { adapter, options, redis } as JSON: with `redis: { url, client }`, tokens and pending
// files are in Redis, and replicas are connected, by the package named `client`. Each message asks
// for all spans that have ended.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { RedisInstrumentation } from '@opentelemetry/instrumentation-redis';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { instrumentWxCloudStorage } from 'nestjs-wx-cloud-storage/opentelemetry';

const { adapter: adapterName, options, redis } = JSON.parse(process.argv[2]);
const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const instrumentations = [
  new HttpInstrumentation(),
  new UndiciInstrumentation(),
  new IORedisInstrumentation({ requireParentSpan: false }),
  new RedisInstrumentation({ requireParentSpan: false }),
];
for (const instrumentation of instrumentations) instrumentation.setTracerProvider(tracerProvider);
// The hook of instrumentations: it changes the server that everything else gets.
const load = createRequire(import.meta.url);
load('node:http');
instrumentWxCloudStorage({ tracerProvider });

const { Controller, Get, Inject, Module, Post, Query, UploadedFile, UseInterceptors } =
  await import('@nestjs/common');
const { NestFactory } = await import('@nestjs/core');
const { WxCloudFileInterceptor, WxCloudStorageModule, WxCloudStorageService } =
  await import('nestjs-wx-cloud-storage');

const { redisAccessTokenStore, redisPendingFileStore, redisReplicaChannel } =
  await import('nestjs-wx-cloud-storage/redis');

async function connect({ url, client: name }) {
  const { createClient, Redis } = load(name);
  if (Redis !== undefined) return new Redis(url);
  const client = createClient({ url });
  // The server may be closed first.
  client.on('error', () => {});
  return client.connect();
}

async function shareThroughRedis({ appid, secret, ...rest }) {
  const [client, subscriber] = await Promise.all([connect(redis), connect(redis)]);
  return {
    ...rest,
    auth: { type: 'stable-token', appid, secret, store: redisAccessTokenStore(client) },
    pending: redisPendingFileStore(client),
    replicas: redisReplicaChannel(client, subscriber),
  };
}

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
  imports: [
    WxCloudStorageModule.forRoot(redis === undefined ? options : await shareThroughRedis(options)),
  ],
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
