// The application of the soak, in a separate process. It reports to the runner what it logs, keeps
// and deletes, and the reported orphans, and answers questions about its open resources.
import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  getWxCloudStorageToken,
  WxCloudExceptionFilter,
  WxCloudPendingFiles,
  WxCloudStorageModule,
} from 'nestjs-wx-cloud-storage';
import { FILES_CONTROLLERS } from './application/files.controller.mjs';
import { inject } from './application/inject.mjs';
import { ProgressController } from './application/progress.controller.mjs';
import { isRecorded, watchStore } from './application/recording.mjs';
import { records } from './application/records.mjs';
import { connectToRedis } from './application/redis.mjs';
import { listActive, logRequest } from './application/request-log.mjs';
import { readHandles, readMemory, readTemporary } from './application/state.mjs';
import { countStreams } from './application/streams.mjs';
import { UPLOAD_CONTROLLERS } from './application/upload.controller.mjs';
import { PART_BYTES, TIMEOUTS } from './support/limits.mjs';
import { answerQuestions, readParameters, tell } from './support/processes.mjs';
import { keysOf, WITH_RIGHTS } from './support/ways.mjs';

const ADAPTERS = {
  express: async () => new (await import('@nestjs/platform-express')).ExpressAdapter(),
  fastify: async () => new (await import('@nestjs/platform-fastify')).FastifyAdapter(),
  http2: async () => new (await import('@nestjs/platform-fastify')).FastifyAdapter({ http2: true }),
};

const report = kind => error => tell({ type: 'incident', text: `${kind}: ${inspect(error)}` });
process.on('uncaughtException', report('uncaught exception'));
process.on('unhandledRejection', report('unhandled rejection'));
process.on('warning', report('warning'));

/** The time limit of a sweep, which may have hundreds of files. */
const SWEEP_MS = 30_000;

const { adapter, cloud, replica } = readParameters();
const spoolDirectory = mkdtempSync(join(replica?.folder ?? tmpdir(), 'wx-cloud-soak-spool-'));
const redis = replica && (await connectToRedis(replica));
const options = {
  ...cloud.options,
  timeouts: TIMEOUTS,
  retry: { attempts: 3, minDelayMs: 10, maxDelayMs: 50 },
  upload: { spoolDirectory, memoryLimitBytes: 262_144, memoryBudgetBytes: 16 * 1024 * 1024 },
  onOrphan: fileIds => {
    for (const fileId of fileIds) tell({ type: 'orphan', fileId, reportedAtMs: Date.now() });
  },
  pending: redis && watchStore(redis.pending),
  replicas: redis?.replicas,
};
/**
 * The same environment with classic tokens and compared ETags; keeps files until their end has
 * arrived.
 */
const { appid, secret, ...shared } = options;
const archive = {
  ...shared,
  name: 'archive',
  pending: redis && watchStore(redis.pending),
  auth: { type: 'access-token', appid, secret, store: redis?.store },
  upload: { ...options.upload, verifyEtag: true, sendAhead: false },
};
/** The same environment from inside of a container, with direct access to the bucket. */
const bucket = {
  ...shared,
  name: 'bucket',
  pending: redis && watchStore(redis.pending),
  auth: { type: 'open-api-service' },
  apiBaseUrl: cloud.sidecarUrl,
  cos: { bucket: cloud.bucket, endpoint: cloud.cosEndpoint, partBytes: PART_BYTES },
};
/** The same with keys of their own: a right that is found missing is not used for ten minutes. */
const guests = WITH_RIGHTS.map(name => ({
  ...bucket,
  name,
  pending: redis && watchStore(redis.pending),
  cos: { ...bucket.cos, credentials: keysOf(name) },
}));

class SoakModule {
  onApplicationShutdown() {
    rmSync(spoolDirectory, { recursive: true });
  }
}
Module({
  imports: [options, archive, bucket, ...guests].map(each => WxCloudStorageModule.forRoot(each)),
  controllers: [...UPLOAD_CONTROLLERS, ...FILES_CONTROLLERS, ProgressController],
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
const readStreams = countStreams(app.getHttpServer());
// Longer than clients are ever idle, so that none reuses a connection that is being closed.
app.getHttpServer().keepAliveTimeout = 60_000;

let closing;
const close = () => (closing ??= app.close().finally(() => redis?.close()));

answerQuestions({
  ready: () => app.getUrl(),
  activeIds: listActive,
  inject: plan => inject(app, plan),
  close,
  state: () => ({
    active: listActive().length,
    streams: readStreams(),
    handles: readHandles(),
    temporary: readTemporary(spoolDirectory),
  }),
  memory: readMemory,
  isRecorded,
  sweep: () =>
    app.get(WxCloudPendingFiles).sweep({
      isInUse: fileIds => records.findUsed(fileIds),
      limit: 10_000,
      timeoutMs: SWEEP_MS,
    }),
  sweepParts: () =>
    app
      .get(getWxCloudStorageToken('bucket'))
      .sweepUnfinishedUploads({ olderThanSeconds: 0, timeoutMs: SWEEP_MS }),
});
process.once('disconnect', () => void close());
