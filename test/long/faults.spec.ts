import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type {
  WxCloudEmulator,
  WxCloudEmulatorFault,
  WxCloudEmulatorObject,
  WxCloudEmulatorOperation,
  WxCloudEmulatorFaultEffect,
} from '../../lib/emulator/index.js';
import { FailureLog } from '../../lib/http/http-exception.js';
import { WxCloudStorageError, type WxCloudStorageOptions } from '../../lib/index.js';
import { FAST_RETRY, startApplication, type TestApplication } from '../support/application.js';
import { pngOfSize } from '../support/forms.js';
import { recordSecrets, type SecretRecorder } from '../support/secret-recorder.js';
import { until } from '../support/until.js';

const API: readonly WxCloudEmulatorOperation[] = [
  'stable-token',
  'upload-link',
  'download-links',
  'delete-files',
];
const OBJECTS: readonly WxCloudEmulatorOperation[] = ['post-object', 'get-object', 'head-object'];
const KEYS: readonly WxCloudEmulatorOperation[] = ['cos-keys', 'encode-metaid'];
const PUTS: readonly WxCloudEmulatorOperation[] = ['put-object', 'upload-part'];
const PARTS: readonly WxCloudEmulatorOperation[] = [
  'initiate-multipart-upload',
  'complete-multipart-upload',
];
const BATCHES: readonly WxCloudEmulatorOperation[] = ['download-links', 'delete-files'];

const EVERYWHERE: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'status', status: 502, body: 'Bad Gateway' },
  { kind: 'status', status: 404, body: 'not here' },
  { kind: 'reset', at: 'request' },
  { kind: 'reset', at: 'answer' },
  { kind: 'hang', at: 'request' },
  { kind: 'hang', at: 'answer' },
  { kind: 'delay', delayMs: 30 },
  { kind: 'empty' },
];
const ON_API: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'errcode', errcode: -1 },
  { kind: 'errcode', errcode: 40001 },
  { kind: 'errcode', errcode: 42001 },
  { kind: 'errcode', errcode: 45009 },
  { kind: 'errcode', errcode: -501007 },
  { kind: 'malformed-json' },
  { kind: 'reset', at: 'answer', afterBytes: 10 },
];
const ON_OBJECTS: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'cos-error', cosCode: 'SlowDown' },
  { kind: 'cos-error', cosCode: 'RequestTimeout' },
  { kind: 'cos-error', cosCode: 'SignatureDoesNotMatch' },
  { kind: 'cos-error', cosCode: 'AccessDenied', message: 'Request has expired' },
];
const ON_UPLOADS: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'reset', at: 'request', afterBytes: 50_000 },
  { kind: 'malformed-json' },
];
const ON_DOWNLOADS: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'reset', at: 'answer', afterBytes: 50_000 },
];
const ON_BATCHES: readonly WxCloudEmulatorFaultEffect[] = [
  { kind: 'item', status: 1, errmsg: 'STORAGE_FILE_NONEXIST' },
  { kind: 'item', status: -503002, errmsg: 'no permission' },
];

type Case = readonly [string, WxCloudEmulatorFault];
type Effects = ReturnType<typeof pair>;

const FAULTS = casesOf([
  ...pair([...API, ...OBJECTS], EVERYWHERE),
  ...pair(API, ON_API),
  ...pair(OBJECTS, ON_OBJECTS),
  ...pair(['post-object'], ON_UPLOADS),
  ...pair(['get-object'], ON_DOWNLOADS),
  ...pair(BATCHES, ON_BATCHES),
]);
/** Faults of uploads with direct access to the bucket. */
const BUCKET_FAULTS = casesOf([
  ...pair([...KEYS, ...PUTS, ...PARTS], EVERYWHERE),
  ...pair(KEYS, ON_API),
  ...pair([...PUTS, ...PARTS], ON_OBJECTS),
  ...pair(PUTS, [...ON_UPLOADS, { kind: 'wrong-etag' }]),
  ...pair(['encode-metaid'], [{ kind: 'short-list', count: 0 }]),
]);

function casesOf(effects: Effects): readonly Case[] {
  return effects.flatMap(([operation, effect]) =>
    [1, Infinity].map(times => {
      const { kind, ...rest } = effect;
      const how = Object.values(rest).join(' ');
      return [
        `${operation}: ${kind} ${how}, ${times === 1 ? 'once' : 'for ever'}`,
        { operation, effect, times },
      ] as const;
    }),
  );
}

function pair(
  operations: readonly WxCloudEmulatorOperation[],
  effects: readonly WxCloudEmulatorFaultEffect[],
): (readonly [WxCloudEmulatorOperation, WxCloudEmulatorFaultEffect])[] {
  return operations.flatMap(operation => effects.map(effect => [operation, effect] as const));
}

const CONTENT = pngOfSize(150_000);
/** More than one part. */
const IN_PARTS = pngOfSize(1_200_000);
const logged: string[] = [];
const orphans: string[] = [];
let application: TestApplication;
let recorder: SecretRecorder;
let spoolDirectory: string;
let timersBefore: number;

beforeAll(async () => {
  spoolDirectory = await mkdtemp(join(tmpdir(), 'wx-cloud-faults-'));
});

afterAll(async () => {
  Logger.overrideLogger(false);
  await rm(spoolDirectory, { recursive: true });
});

beforeEach(() => {
  logged.length = 0;
  orphans.length = 0;
  timersBefore = countTimers();
  recorder = recordSecrets();
});

async function startWith(
  optionsFor: (emulator: WxCloudEmulator) => object = () => ({}),
): Promise<void> {
  application = await startApplication({
    options: emulator =>
      ({
        ...optionsFor(emulator),
        dispatcher: recorder.dispatcher,
        upload: { spoolDirectory, memoryLimitBytes: 50_000 },
        retry: FAST_RETRY,
        timeouts: { connectMs: 1_000, headersMs: 60, idleMs: 60, totalMs: 2_000 },
        onOrphan: fileIds => void orphans.push(...fileIds),
      }) as Partial<WxCloudStorageOptions>,
  });
  // After the start, which silences the logger.
  const log = (...parts: unknown[]): void => void logged.push(inspect(parts));
  Logger.overrideLogger({ log, error: log, warn: log, debug: log, verbose: log, fatal: log });
}

afterEach(async () => {
  await application.close();
  await recorder.close();
});

/** The outcome of a call. */
type Settled<T> = { readonly value: T } | { readonly error: unknown };

const settle = <T>(call: Promise<T>): Promise<Settled<T>> =>
  call.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  );

const errorsOf = (...results: Settled<unknown>[]): unknown[] =>
  results.flatMap(result => ('error' in result ? [result.error] : []));

function countTimers(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
}

function expectNoSecret(errors: readonly unknown[], ...shown: unknown[]): void {
  const log = new FailureLog(new Logger());
  for (const error of errors) log.write(error as WxCloudStorageError, 502);
  expect(logged.length).toBeGreaterThanOrEqual(2 * errors.length);
  const text = [errors, ...shown, ...logged, JSON.stringify([errors, shown])]
    .map(value => inspect(value, { depth: Infinity, showHidden: true }))
    .join('\n');
  const { secret } = application.emulator.options;
  expect([secret, ...recorder.secrets].filter(value => text.includes(value))).toEqual([]);
}

async function expectNothingHeld(): Promise<void> {
  application.emulator.faults.clear();
  expect(await readdir(spoolDirectory)).toEqual([]);
  await recorder.close();
  await until(
    async () => (await application.emulator.openConnections()) === 0,
    'no open connection',
  );
  await until(() => countTimers() <= timersBefore, 'no timer left');
}

describe('the service under every fault', () => {
  beforeEach(() => startWith());

  it.each(FAULTS)('uploads completely or leaves nothing — %s', async (_, fault) => {
    const { emulator, storage } = application;
    emulator.faults.add(fault);

    const result = await settle(storage.upload('walk/a.png', Readable.from(inChunks())));

    expect(errorsOf(result).every(error => error instanceof WxCloudStorageError)).toBe(true);
    expect(emulator.objects.map(({ fileId }) => fileId)).toEqual(expectedIds(result));
    expect(emulator.objects.every(isWhole)).toBe(true);
    expectNoSecret(errorsOf(result), result, storage);
    await expectNothingHeld();
  });

  it.each(FAULTS)(
    'downloads completely or fails, and reports deletions correctly — %s',
    async (_, fault) => {
      const { emulator, storage } = application;
      const { fileId } = await storage.upload('walk/b.png', CONTENT);
      emulator.faults.add(fault);

      const link = await settle(storage.getDownloadUrl(fileId));
      const content = await settle(storage.downloadBuffer(fileId));
      const stat = await settle(storage.stat(fileId));
      const deleted = await settle(storage.delete(fileId));

      expect(
        errorsOf(link, content, stat, deleted).every(error => error instanceof WxCloudStorageError),
      ).toBe(true);
      expect(isErrorOrContent(content)).toBe(true);
      expect(isErrorOrGone(deleted, fault)).toBe(true);
      expectNoSecret(errorsOf(link, content, stat, deleted), storage);
      await expectNothingHeld();
    },
  );
});

describe('the service with the option cos under every fault', () => {
  beforeEach(() => startWith(withBucket));

  it.each(BUCKET_FAULTS)('uploads completely or leaves nothing — %s', async (_, fault) => {
    const { emulator, storage } = application;
    emulator.faults.add(fault);

    const results = [
      await settle(storage.upload('walk/put.png', Readable.from(inChunks()))),
      await settle(storage.upload('walk/parts.png', Readable.from(inChunks(IN_PARTS)))),
    ];

    const errors = errorsOf(...results);
    expect(errors.every(error => error instanceof WxCloudStorageError)).toBe(true);
    const stored = results.flatMap(storedBy);
    const present = emulator.objects.map(({ fileId }) => fileId);
    expect(stored.filter(fileId => !present.includes(fileId))).toEqual([]);
    expect([...stored, ...orphans]).toEqual(expect.arrayContaining(present));
    expect(emulator.objects.every(({ fileIdAlive }) => fileIdAlive)).toBe(true);
    expect(emulator.objects.map(({ size }) => size)).toEqual(present.map(sizeOf));
    expectNoSecret(errors, results, storage);
    emulator.faults.clear();
    const swept = await storage.sweepUnfinishedUploads({ olderThanSeconds: 0 });
    expect(swept > 0).toBe(isIdLost(fault));
    await expectNothingHeld();
  });
});

const storedBy = (result: Settled<{ readonly fileId: string }>): string[] =>
  'value' in result ? [result.value.fileId] : [];
const sizeOf = (fileId: string): number =>
  (fileId.endsWith('put.png') ? CONTENT : IN_PARTS).byteLength;

/** Returns whether an upload was begun whose ID never arrived; only a sweep can find it. */
function isIdLost({ operation, effect }: WxCloudEmulatorFault): boolean {
  return operation === 'initiate-multipart-upload' && 'at' in effect && effect.at === 'answer';
}

function withBucket({ bucket, cosEndpoint: endpoint, sidecarUrl }: WxCloudEmulator): object {
  return {
    appid: undefined,
    secret: undefined,
    auth: { type: 'open-api-service' },
    apiBaseUrl: sidecarUrl,
    cos: { bucket, endpoint, partBytes: 1_048_576 },
  };
}

async function* inChunks(content = CONTENT): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < content.byteLength; start += 50_000)
    yield content.subarray(start, start + 50_000);
}

/** A success has its object; a failure has none, unless it was reported as an orphan. */
function expectedIds(result: Settled<{ readonly fileId: string }>): string[] {
  return 'value' in result
    ? [result.value.fileId]
    : application.emulator.objects.map(o => o.fileId).filter(id => orphans.includes(id));
}

function isWhole({ fileIdAlive, size }: WxCloudEmulatorObject): boolean {
  return fileIdAlive && size === CONTENT.byteLength;
}

function isErrorOrContent(result: Settled<Buffer>): boolean {
  return 'error' in result || CONTENT.equals(result.value);
}

/** A faked "no such file" is taken at its word; otherwise a deleted object is not there. */
function isErrorOrGone(result: Settled<void>, { effect }: WxCloudEmulatorFault): boolean {
  const isFaked = effect.kind === 'item' && effect.status === 1;
  return 'error' in result || isFaked || application.emulator.objects.length === 0;
}
