// The application of the soak, in a process of its own. It tells the runner what it logs, keeps and deletes, and which
// orphans were reported, and answers questions about what it holds.
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WxCloudExceptionFilter, WxCloudStorageModule } from 'nestjs-wx-cloud-storage';
import { FilesController } from './application/files.controller.mjs';
import { countActive, logRequest } from './application/request-log.mjs';
import { readHandles, readMemory, readTemporary } from './application/state.mjs';
import { UploadController } from './application/upload.controller.mjs';
import { answerQuestions, readParameters, tell } from './support/processes.mjs';

const ADAPTERS = {
  express: async () => new (await import('@nestjs/platform-express')).ExpressAdapter(),
  fastify: async () => new (await import('@nestjs/platform-fastify')).FastifyAdapter(),
};

const report = kind => error => tell({ type: 'incident', text: `${kind}: ${inspect(error)}` });
process.on('uncaughtException', report('uncaught exception'));
process.on('unhandledRejection', report('unhandled rejection'));
process.on('warning', report('warning'));

const { adapter, cloud } = readParameters();
const spoolDirectory = mkdtempSync(join(tmpdir(), 'wx-cloud-soak-spool-'));
const options = {
  ...cloud,
  timeouts: { connectMs: 1_000, headersMs: 800, idleMs: 1_500, totalMs: 2_500 },
  retry: { attempts: 3, minDelayMs: 10, maxDelayMs: 50 },
  upload: { spoolDirectory, memoryLimitBytes: 262_144, memoryBudgetBytes: 4 * 1024 * 1024 },
  onOrphan: fileIds => {
    for (const fileId of fileIds) tell({ type: 'orphan', fileId, reportedAtMs: Date.now() });
  },
};
/** The same environment with classic tokens and compared ETags. */
const { appid, secret, ...shared } = options;
const archive = {
  ...shared,
  name: 'archive',
  auth: { type: 'access-token', appid, secret },
  upload: { ...options.upload, verifyEtag: true },
};

class SoakModule {
  onApplicationShutdown() {
    rmSync(spoolDirectory, { recursive: true });
  }
}
Module({
  imports: [WxCloudStorageModule.forRoot(options), WxCloudStorageModule.forRoot(archive)],
  controllers: [UploadController, FilesController],
})(SoakModule);

const log =
  level =>
  (...parts) =>
    tell({ type: 'log', level, text: parts.map(part => inspect(part)).join(' ') });
const logger = { log() {}, error: log('error'), warn: log('warn'), fatal: log('fatal') };
const app = await NestFactory.create(SoakModule, await ADAPTERS[adapter](), { logger });
app.useGlobalFilters(new WxCloudExceptionFilter(app.getHttpAdapter()));
app.use(logRequest);
await app.listen(0, '127.0.0.1');
// Longer than the clients are ever silent, so that they do not use a connection that is being closed.
app.getHttpServer().keepAliveTimeout = 60_000;

answerQuestions({
  ready: () => app.getUrl(),
  state: () => ({
    active: countActive(),
    handles: readHandles(),
    temporary: readTemporary(spoolDirectory),
  }),
  memory: readMemory,
});
process.once('disconnect', () => void app.close());
