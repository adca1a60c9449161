// An application that can be told to kill itself at a step of the next request. argv[2] is JSON:
// the options of the module, the address of Redis, and the name of the adapter. The parent has the
// records of the application: a handler waits until they have its files.
import 'reflect-metadata';
import { subscribe } from 'node:diagnostics_channel';
import {
  Body,
  Controller,
  Delete,
  Get,
  Inject,
  Module,
  Post,
  Query,
  UploadedFiles,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  WxCloudFilesInterceptor,
  WxCloudStorageModule,
  WxCloudStorageService,
} from 'nestjs-wx-cloud-storage';
import { redisPendingFileStore } from 'nestjs-wx-cloud-storage/redis';
import { createClient } from 'redis';

const { options, redisUrl, adapterName } = JSON.parse(process.argv[2]);

/** The step at which this process kills itself, the next time but `skip`. */
let plan;

function reach(step) {
  if (plan?.step !== step) return;
  plan.skip -= 1;
  if (plan.skip < 0) process.kill(process.pid, 'SIGKILL');
}

const waiting = new Map();
let lastId = 0;

process.on('message', message => {
  if ('acknowledged' in message) {
    waiting.get(message.acknowledged)?.();
    waiting.delete(message.acknowledged);
    return;
  }
  plan = message.plan;
  process.send({ planned: true });
});

/** Resolves when the records of the application have the files. */
function record(fileIds) {
  lastId += 1;
  const id = lastId;
  const recorded = new Promise(resolve => waiting.set(id, resolve));
  process.send({ id, recorded: fileIds });
  return recorded;
}

// The requests to the cloud.
for (const step of ['create', 'bodySent', 'headers', 'trailers']) {
  subscribe(`undici:request:${step}`, () => reach(step));
}
subscribe('http.server.response.finish', () => reach('answered'));

const client = createClient({ url: redisUrl });
client.on('error', () => {});
await client.connect();
const store = redisPendingFileStore(client);
/** Every call of the store has a step before it and one behind it. */
const watched =
  name =>
  async (...values) => {
    reach(`before ${name}`);
    const result = await store[name](...values);
    reach(`after ${name}`);
    // From here on the file is the application's to find again.
    if (name === 'settle' && plan?.isOverWhenSettled) plan = undefined;
    return result;
  };
const pending = {
  add: watched('add'),
  settle: watched('settle'),
  claim: watched('claim'),
  done: watched('done'),
};

class FilesController {
  constructor(storage) {
    this.storage = storage;
  }

  async create(files) {
    const fileIds = files.map(({ fileId }) => fileId);
    await record(fileIds);
    reach('recorded');
    return { fileIds };
  }

  refuse() {
    throw new Error('The handler of this route always fails.');
  }

  async store({ text }) {
    const { fileId } = await this.storage.upload(Buffer.from(text), 'texts/');
    await record([fileId]);
    return { fileIds: [fileId] };
  }

  async createForm() {
    return this.storage.createUploadForm('forms/');
  }

  async confirm({ fileId, ticket }) {
    await this.storage.confirmUpload(fileId, { ticket });
    await record([fileId]);
    return { fileIds: [fileId] };
  }

  async delete({ fileId }) {
    await this.storage.delete(fileId);
    return { ok: true };
  }

  /** Responds once Redis does. */
  async ready() {
    return { reply: await client.ping() };
  }
}

const describeMethod = name => Object.getOwnPropertyDescriptor(FilesController.prototype, name);
const decorate = (name, ...decorators) => {
  for (const each of decorators) each(FilesController.prototype, name, describeMethod(name));
};
Controller()(FilesController);
Inject(WxCloudStorageService)(FilesController, undefined, 0);
decorate('create', Post('files'), UseInterceptors(WxCloudFilesInterceptor('file', 5)));
UploadedFiles()(FilesController.prototype, 'create', 0);
decorate('refuse', Post('refused'), UseInterceptors(WxCloudFilesInterceptor('file', 5)));
decorate('store', Post('texts'));
decorate('createForm', Post('forms'));
decorate('confirm', Post('confirmed'));
for (const name of ['store', 'confirm']) Body()(FilesController.prototype, name, 0);
decorate('delete', Delete('files'));
Query()(FilesController.prototype, 'delete', 0);
decorate('ready', Get('ready'));

class ApplicationModule {}
Module({
  imports: [WxCloudStorageModule.forRoot({ ...options, pending })],
  controllers: [FilesController],
})(ApplicationModule);

const adapters = {
  express: async () => new (await import('@nestjs/platform-express')).ExpressAdapter(),
  fastify: async () => new (await import('@nestjs/platform-fastify')).FastifyAdapter(),
};
const app = await NestFactory.create(ApplicationModule, await adapters[adapterName](), {
  logger: false,
});
await app.listen(0, '127.0.0.1');
process.send({ url: await app.getUrl() });
