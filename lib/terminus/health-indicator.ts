import { Inject, Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { HealthIndicatorService } from '@nestjs/terminus';
import {
  getWxCloudStorageToken,
  OptionsInvalidError,
  WxCloudStorageError,
  type WxCloudStorageErrorCode,
  type WxCloudStorageService,
} from '../index.js';
import { HealthCache } from './health-cache.js';

const DEFAULT_CACHE_SECONDS = 60;
const DEFAULT_TIMEOUT_MS = 3_000;
/** The maximum delay of a Node timer. */
const MAX_TIMER_MS = 2_147_483_647;

/** The names of the options. */
const NAMES: readonly string[] = [
  'storage',
  'bucket',
  'cacheSeconds',
  'timeoutMs',
] satisfies (keyof WxCloudHealthOptions)[];

/** Texts of WeChat and COS, which messages quote in parentheses; codes of the system stay. */
const QUOTED_TEXT = / \((?![A-Z_\d]+\)\. ).*\)(?=\. )/s;

/** Options of a health check. */
export interface WxCloudHealthOptions {
  /**
   * The name of the instance.
   * @defaultValue the default instance
   */
  readonly storage?: string | undefined;
  /**
   * True to check the storage too, not only the credential: with the option `cos` of the module,
   * the bucket returns a list of one file; otherwise, or where the keys may not list, WeChat
   * returns an upload link for the environment. Neither stores anything.
   * @defaultValue false
   */
  readonly bucket?: boolean | undefined;
  /**
   * The time in seconds, from 0, for which a result is used again without a check; a failure for 10
   * seconds at most. Checks at the same time share one, whatever the value.
   * @defaultValue 60
   */
  readonly cacheSeconds?: number | undefined;
  /**
   * Time limit for the check in milliseconds, from 1. Set it below the time limit of the probe that
   * calls the route.
   * @defaultValue 3000
   */
  readonly timeoutMs?: number | undefined;
}

/** The members of a result that is down. */
export interface WxCloudHealthProblem {
  /** The kind of failure, as in `docs/errors.md`. */
  readonly code: WxCloudStorageErrorCode;
  /** The failure and its remedy, without the texts of WeChat and COS, which are in the log. */
  readonly message: string;
  /** WeChat's `errcode`, if WeChat returned one. */
  readonly errcode?: number;
  /** The HTTP status of the remote response. */
  readonly upstreamStatus?: number;
  /** The ID to quote to WeChat's or Tencent Cloud's support. */
  readonly requestId?: string;
}

/** The result of a health check, in the form that `@nestjs/terminus` reports it. */
export type WxCloudHealthResult<Key extends string = string> = Record<
  Key,
  | {
      /** The storage works, as far as was checked. */
      readonly status: 'up';
    }
  | ({
      /** The storage does not work, or the check took too long. */
      readonly status: 'down';
    } & WxCloudHealthProblem)
>;

/**
 * A health indicator for `@nestjs/terminus` 11 and 12. A provider of the module that has the health
 * route and imports `TerminusModule`; it finds instances of the whole application.
 * @example
 * ```ts
 * import { Controller, Get, Module } from '@nestjs/common';
 * import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
 * import { WxCloudHealthIndicator } from 'nestjs-wx-cloud-storage/terminus';
 *
 * @Controller('health')
 * export class HealthController {
 *   constructor(
 *     private readonly health: HealthCheckService,
 *     private readonly storage: WxCloudHealthIndicator,
 *   ) {}
 *
 *   @Get()
 *   @HealthCheck()
 *   check() {
 *     return this.health.check([() => this.storage.isHealthy('storage')]);
 *   }
 * }
 *
 * @Module({
 *   imports: [TerminusModule],
 *   controllers: [HealthController],
 *   providers: [WxCloudHealthIndicator],
 * })
 * export class HealthModule {}
 * ```
 */
@Injectable()
export class WxCloudHealthIndicator {
  readonly #modules: ModuleRef;
  readonly #health: HealthIndicatorService;
  readonly #caches = new Map<string, HealthCache>();

  /** @internal Made by Nest. */
  constructor(
    @Inject(ModuleRef) modules: ModuleRef,
    @Inject(HealthIndicatorService) health: HealthIndicatorService,
  ) {
    this.#modules = modules;
    this.#health = health;
  }

  /**
   * Checks an instance: up when it holds a valid access token, which takes no call, or can get one.
   * With `auth: 'open-api-service'`, which has no token, an upload link is requested instead. A
   * failure is a result that is down, with its code and remedy.
   * @param key - the name of the result in the response
   * @throws {@link WxCloudStorageError} `WX_CLOUD_OPTIONS_INVALID` for an invalid option, or a name
   * that no instance has
   * @example
   * ```ts
   * import type { WxCloudHealthIndicator } from 'nestjs-wx-cloud-storage/terminus';
   *
   * declare const indicator: WxCloudHealthIndicator;
   *
   * const { archive } = await indicator.isHealthy('archive', { storage: 'archive', bucket: true });
   *
   * if (archive.status === 'down') console.error(archive.code, archive.message);
   * ```
   */
  async isHealthy<const Key extends string>(
    key: Key,
    options: WxCloudHealthOptions = {},
  ): Promise<WxCloudHealthResult<Key>> {
    assertNames(options);
    const { storage: name, bucket = false } = options;
    const { cacheSeconds = DEFAULT_CACHE_SECONDS, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    assertBucket(bucket);
    assertTimes(cacheSeconds, timeoutMs);
    const storage = this.#find(name);
    const error = await this.#cacheOf(JSON.stringify([name, bucket, timeoutMs]), name).get(
      cacheSeconds,
      () => withTimeout(timeoutMs, signal => findProblem(storage, bucket, signal)),
    );
    const session = this.#health.check(key);
    return error === undefined ? session.up() : session.down({ ...toProblem(error) });
  }

  #find(name: string | undefined): WxCloudStorageService {
    try {
      return this.#modules.get(getWxCloudStorageToken(name), { strict: false });
    } catch (cause) {
      const known = name === undefined ? 'there is no default one' : `none is named "${name}"`;
      const expected = `the name of an instance, and ${known}`;
      throw invalid('storage', expected, 'Import WxCloudStorageModule with that name.', cause);
    }
  }

  #cacheOf(id: string, name: string | undefined): HealthCache {
    const cache = this.#caches.get(id) ?? new HealthCache(name);
    this.#caches.set(id, cache);
    return cache;
  }
}

/** Runs a check, and ends it after its time limit. Resolves with the error of the storage. */
async function withTimeout(
  timeoutMs: number,
  check: (signal: AbortSignal) => Promise<WxCloudStorageError | undefined>,
): Promise<WxCloudStorageError | undefined> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(tookTooLong(timeoutMs)), timeoutMs);
  try {
    return await check(controller.signal);
  } catch (error) {
    if (error instanceof WxCloudStorageError) return error;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Makes the cheapest calls that show if the instance works; resolves with what is wrong. */
async function findProblem(
  storage: WxCloudStorageService,
  bucket: boolean,
  signal: AbortSignal,
): Promise<WxCloudStorageError | undefined> {
  // A test may have replaced the service with a fake.
  const { check, capabilities } = storage as Partial<WxCloudStorageService>;
  if (typeof check !== 'function') throw cannotCheck();
  const { credential } = await storage.check({ environment: false, signal });
  if (credential.status === 'failed' || (credential.status === 'ok' && !bucket)) {
    return credential.error;
  }
  const mayList = bucket && capabilities?.list === true;
  if (mayList && (await canList(storage, signal))) return undefined;
  const second = await storage.check({ signal });
  // The token may have been refused since the first look; then the environment was not checked.
  return second.credential.error ?? second.environment.error;
}

/** Lists one file; false where the keys may not list, which proves nothing about other rights. */
async function canList(storage: WxCloudStorageService, signal: AbortSignal): Promise<boolean> {
  try {
    await storage.list({ limit: 1, signal }).next();
    return true;
  } catch (error) {
    if (error instanceof WxCloudStorageError && error.code === 'WX_CLOUD_UNSUPPORTED') return false;
    throw error;
  }
}

function toProblem({
  code,
  message,
  errcode,
  upstreamStatus,
  requestId,
}: WxCloudStorageError): WxCloudHealthProblem {
  return {
    code,
    message: message.replace(QUOTED_TEXT, ''),
    ...(errcode !== undefined && { errcode }),
    ...(upstreamStatus !== undefined && { upstreamStatus }),
    ...(requestId !== undefined && { requestId }),
  };
}

function tookTooLong(timeoutMs: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_REQUEST_TIMED_OUT',
    message: `The health check took longer than ${timeoutMs} ms. Check the network and the proxy, or raise timeoutMs of isHealthy.`,
    retryable: true,
  });
}

function cannotCheck(): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_ARGUMENT_INVALID',
    message:
      "The service that replaces WxCloudStorageService has no method check(). Add one that resolves with { credential: { status: 'ok' }, environment: { status: 'ok' } }, or override WxCloudHealthIndicator.",
  });
}

function assertNames(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid('options', 'an object', `Its members are: ${NAMES.join(', ')}.`);
  }
  const unknown = Object.keys(options).find(name => !NAMES.includes(name));
  if (unknown !== undefined) throw invalid(unknown, undefined, `Known here: ${NAMES.join(', ')}.`);
}

function assertBucket(bucket: unknown): void {
  if (typeof bucket === 'boolean') return;
  throw invalid('bucket', 'true or false', 'Leave it out for false.');
}

function assertTimes(cacheSeconds: unknown, timeoutMs: unknown): void {
  if (typeof cacheSeconds !== 'number' || !(cacheSeconds >= 0)) {
    throw invalid('cacheSeconds', 'a number of seconds from 0', 'Leave it out for 60.');
  }
  const isTimer = Number.isInteger(timeoutMs) && Number(timeoutMs) >= 1;
  if (isTimer && Number(timeoutMs) <= MAX_TIMER_MS) return;
  throw invalid(
    'timeoutMs',
    `a whole number of milliseconds from 1 to ${MAX_TIMER_MS}`,
    `Leave it out for ${DEFAULT_TIMEOUT_MS}.`,
  );
}

/** Creates the error for an option; for an unknown one, nothing is expected. */
function invalid(
  option: string,
  expected: string | undefined,
  remedy: string,
  cause?: unknown,
): OptionsInvalidError {
  const subject = `WxCloudHealthIndicator: option "${option}"`;
  return new OptionsInvalidError({ option, subject, expected, remedy, cause });
}
