import { tmpdir } from 'node:os';
import { OptionsInvalidError } from '../errors/errors.js';
import { type Disk, SYSTEM_DISK } from './disk.js';
import { isFromEnvironment, nameVariable } from './module-options.js';
import type { PendingFileStore } from '../pending/pending-file-store.js';
import type { WxCloudStorageOptions } from './options.js';
import { readReplicaChannel } from './replica-channel.js';
import { resolveAuth, resolveEnv } from './resolve-auth.js';
import { commonBucket, readBucket, resolveCos } from './resolve-cos.js';
import {
  type ResolvedAuth,
  type ResolvedOptions,
  type ResolvedRetry,
  type ResolvedTimeouts,
  type ResolvedUpload,
  Secret,
} from './resolved-options.js';
import {
  isLoopback,
  MAX_TIMER_MS,
  orDefault,
  readBoolean,
  readGroup,
  readInteger,
  readName,
} from './validation.js';

const HOST = 'api.weixin.qq.com';
const OPTION = 'apiBaseUrl';

const DEFAULTS = {
  connectMs: 10_000,
  headersMs: 30_000,
  idleMs: 30_000,
  totalMs: 900_000,
  tokenMs: 20_000,
  attempts: 3,
  minDelayMs: 200,
  maxDelayMs: 5_000,
  memoryLimitBytes: 1_048_576,
  memoryBudgetBytes: 67_108_864,
  diskBudgetBytes: 8_589_934_592,
  verifyEtag: false,
  sendAhead: true,
  cache: true,
  maxAgeSeconds: 7_200,
  batchWindowMs: 0,
  maxConnections: 256,
} as const;

/** The default of `maxConnections` for one of many instances, which share 1024 connections. */
export const CONNECTIONS_OF_OPENED = 64;

const SHORTEST_TICKET_KEY = 32;

const PENDING_METHODS: readonly (keyof PendingFileStore)[] = ['add', 'settle', 'claim', 'done'];

const CONNECTIONS = { min: 1, max: 65_535, unit: 'connections' };
const BYTES = { min: 0, max: Number.MAX_SAFE_INTEGER, unit: 'bytes' };

const KNOWN_OPTIONS: readonly (keyof WxCloudStorageOptions)[] = [
  'env',
  'appid',
  'secret',
  'auth',
  'apiBaseUrl',
  'bucket',
  'cos',
  'timeouts',
  'retry',
  'upload',
  'links',
  'maxConnections',
  'onOrphan',
  'ticketKey',
  'pending',
  'replicas',
  'dispatcher',
];

/** Range of a link's lifetime. All of WeChat's pages agree on the ceiling of 86400. */
export const MAX_AGE_RANGE = { min: 1, max: 86_400, unit: 'seconds' } as const;

/**
 * Checks the address of WeChat's API.
 * @throws {@link OptionsInvalidError}
 */
function resolveApiBaseUrl(value: unknown, authType: ResolvedAuth['type']): string {
  const isOpenApi = authType === 'open-api-service';
  const protocol = isOpenApi ? 'http:' : 'https:';
  if (value === undefined) return `${protocol}//${HOST}`;
  const remedy = `Leave it out for WeChat itself, or give e.g. ${protocol}//gateway.example.`;
  // URL.canParse first: the error of new URL() would contain the value.
  if (typeof value !== 'string' || !URL.canParse(value)) {
    throw new OptionsInvalidError({ option: OPTION, expected: `an ${protocol} address`, remedy });
  }
  const url = new URL(value);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new OptionsInvalidError({
      option: OPTION,
      expected: 'an address without user, query or fragment',
      remedy,
    });
  }
  if (isOpenApi) assertPlain(url);
  else assertSafe(url, remedy);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** Requires `http:`. The sidecar also serves https, with a certificate that cannot be verified. */
function assertPlain({ protocol }: URL): void {
  if (protocol === 'http:') return;
  throw new OptionsInvalidError({
    option: OPTION,
    expected:
      "an http: address for auth 'open-api-service', as the sidecar in the container is called over plain http; its certificate for https: cannot be verified",
    remedy: `Leave it out for http://${HOST}.`,
  });
}

function assertSafe(url: URL, remedy: string): void {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return;
  const isPlain = url.protocol === 'http:';
  throw new OptionsInvalidError({
    option: OPTION,
    expected: isPlain
      ? 'an https: address, as the app secret and tokens travel to it (http: is for loopback, and for auth open-api-service)'
      : 'an https: address',
    remedy: isPlain ? 'Use https:.' : remedy,
  });
}

/**
 * Checks the user's options and completes them: the only place with defaults. By default, `disk`
 * asks the system. `maxConnections` is the default of that option.
 * @throws {@link OptionsInvalidError} naming the first missing, wrong or unknown option, or the
 * variable it was read from; never its value
 */
export function resolveOptions(
  options: WxCloudStorageOptions,
  disk: Disk = SYSTEM_DISK,
  maxConnections: number = DEFAULTS.maxConnections,
): ResolvedOptions {
  try {
    return resolve(options, disk, maxConnections);
  } catch (error) {
    throw isFromEnvironment(options) ? nameVariable(error) : error;
  }
}

function resolve(
  options: WxCloudStorageOptions,
  disk: Disk,
  maxConnections: number,
): ResolvedOptions {
  const given = readGroup('options', options ?? {}, KNOWN_OPTIONS);
  const env = resolveEnv(given['env']);
  const auth = resolveAuth(given);
  const cos = resolveCos(given['cos']);
  return Object.freeze({
    env,
    auth,
    isFromEnvironment: isFromEnvironment(options),
    apiBaseUrl: resolveApiBaseUrl(given['apiBaseUrl'], auth.type),
    bucket: commonBucket(resolveBucket(given['bucket']), cos),
    cos,
    timeouts: resolveTimeouts(given['timeouts']),
    retry: resolveRetry(given['retry']),
    upload: resolveUpload(given['upload'], disk),
    links: resolveLinks(given['links']),
    maxConnections: readInteger(
      'maxConnections',
      orDefault(given['maxConnections'], maxConnections),
      CONNECTIONS,
    ),
    onOrphan: resolveOnOrphan(given['onOrphan']),
    ticketKey: resolveTicketKey(given['ticketKey']),
    pending: resolvePending(given['pending']),
    replicas: readReplicaChannel(given['replicas']),
    dispatcher: resolveDispatcher(given['dispatcher']),
  });
}

function resolveBucket(value: unknown): string | undefined {
  return value === undefined ? undefined : readBucket('bucket', value, ', or leave it out.');
}

function resolveTimeouts(value: unknown): ResolvedTimeouts {
  const names = ['connectMs', 'headersMs', 'idleMs', 'totalMs', 'tokenMs'] as const;
  const given = readGroup('timeouts', value, names);
  const range = { min: 1, max: MAX_TIMER_MS, unit: 'milliseconds' };
  const read = (name: (typeof names)[number]): number =>
    readInteger(`timeouts.${name}`, orDefault(given[name], DEFAULTS[name]), range);
  return Object.freeze({
    connectMs: read('connectMs'),
    headersMs: read('headersMs'),
    idleMs: read('idleMs'),
    totalMs: read('totalMs'),
    tokenMs: read('tokenMs'),
  });
}

function resolveRetry(value: unknown): ResolvedRetry {
  const given = readGroup('retry', value, ['attempts', 'minDelayMs', 'maxDelayMs']);
  const attempts = readInteger('retry.attempts', orDefault(given['attempts'], DEFAULTS.attempts), {
    min: 1,
    max: 10,
    unit: 'tries',
  });
  const minDelayMs = readInteger(
    'retry.minDelayMs',
    orDefault(given['minDelayMs'], DEFAULTS.minDelayMs),
    {
      min: 0,
      max: 60_000,
      unit: 'milliseconds',
    },
  );
  const defaultMax = Math.max(DEFAULTS.maxDelayMs, minDelayMs);
  const maxDelayMs = readInteger('retry.maxDelayMs', orDefault(given['maxDelayMs'], defaultMax), {
    min: minDelayMs,
    max: 600_000,
    unit: 'milliseconds',
  });
  return Object.freeze({ attempts, minDelayMs, maxDelayMs });
}

function resolveUpload(value: unknown, disk: Disk): ResolvedUpload {
  const names = [
    'memoryLimitBytes',
    'memoryBudgetBytes',
    'diskBudgetBytes',
    'spoolDirectory',
    'verifyEtag',
    'sendAhead',
  ] as const;
  const given = readGroup('upload', value, names);
  const readBytes = (name: 'memoryLimitBytes' | 'memoryBudgetBytes'): number =>
    readInteger(`upload.${name}`, orDefault(given[name], DEFAULTS[name]), BYTES);
  const spoolDirectory = resolveSpoolDirectory(orDefault(given['spoolDirectory'], tmpdir()), disk);
  const diskBudgetBytes = orDefault(
    given['diskBudgetBytes'],
    defaultDiskBudget(disk.freeBytesIn(spoolDirectory)),
  );
  return Object.freeze({
    memoryLimitBytes: readBytes('memoryLimitBytes'),
    memoryBudgetBytes: readBytes('memoryBudgetBytes'),
    diskBudgetBytes: readInteger('upload.diskBudgetBytes', diskBudgetBytes, BYTES),
    spoolDirectory,
    verifyEtag: readBoolean(
      'upload.verifyEtag',
      orDefault(given['verifyEtag'], DEFAULTS.verifyEtag),
    ),
    sendAhead: readBoolean('upload.sendAhead', orDefault(given['sendAhead'], DEFAULTS.sendAhead)),
  });
}

function defaultDiskBudget(freeBytes = Infinity): number {
  return Math.min(DEFAULTS.diskBudgetBytes, Math.floor(freeBytes / 2));
}

function resolveSpoolDirectory(value: unknown, disk: Disk): string {
  if (typeof value === 'string' && value !== '' && disk.isWritable(value)) return value;
  throw new OptionsInvalidError({
    option: 'upload.spoolDirectory',
    expected: 'an existing folder that this process may write to',
    remedy: 'Create it, or leave it out for the system folder for temporary files.',
  });
}

function resolveLinks(value: unknown): ResolvedOptions['links'] {
  const given = readGroup('links', value, ['cache', 'maxAgeSeconds', 'batchWindowMs']);
  const maxAgeSeconds = orDefault(given['maxAgeSeconds'], DEFAULTS.maxAgeSeconds);
  const batchWindowMs = orDefault(given['batchWindowMs'], DEFAULTS.batchWindowMs);
  const window = { min: 0, max: 1_000, unit: 'milliseconds' };
  return Object.freeze({
    cache: readBoolean('links.cache', orDefault(given['cache'], DEFAULTS.cache)),
    maxAgeSeconds: readInteger('links.maxAgeSeconds', maxAgeSeconds, MAX_AGE_RANGE),
    batchWindowMs: readInteger('links.batchWindowMs', batchWindowMs, window),
  });
}

function resolveOnOrphan(value: unknown): ResolvedOptions['onOrphan'] {
  if (value === undefined || typeof value === 'function')
    return value as ResolvedOptions['onOrphan'];
  throw new OptionsInvalidError({
    option: 'onOrphan',
    expected: 'a function of a list of file IDs',
    remedy: 'Leave it out to only log a warning.',
  });
}

function resolveTicketKey(value: unknown): Secret | undefined {
  if (value === undefined) return undefined;
  const remedy = 'Give e.g. the output of "openssl rand -base64 32", the same to all processes.';
  const key = readName('ticketKey', value, remedy);
  if (key.length >= SHORTEST_TICKET_KEY) return new Secret(key);
  throw new OptionsInvalidError({
    option: 'ticketKey',
    expected: `a string of ${SHORTEST_TICKET_KEY} characters or more`,
    remedy,
  });
}

function resolvePending(value: unknown): PendingFileStore | undefined {
  if (value === undefined) return undefined;
  const store = value as Readonly<Record<string, unknown>> | null;
  if (PENDING_METHODS.every(name => typeof store?.[name] === 'function')) {
    return value as PendingFileStore;
  }
  throw new OptionsInvalidError({
    option: 'pending',
    expected: `a store with the methods ${PENDING_METHODS.join(', ')}`,
    remedy: 'Give e.g. redisPendingFileStore(client), or leave it out to record no uploads.',
  });
}

function resolveDispatcher(value: unknown): ResolvedOptions['dispatcher'] {
  if (value === undefined) return undefined;
  if (
    typeof value === 'object' &&
    value !== null &&
    'dispatch' in value &&
    typeof value.dispatch === 'function'
  ) {
    return value as NonNullable<ResolvedOptions['dispatcher']>;
  }
  throw new OptionsInvalidError({
    option: 'dispatcher',
    expected: 'an undici Dispatcher, such as a ProxyAgent',
    remedy: 'Leave it out for a direct connection.',
  });
}
