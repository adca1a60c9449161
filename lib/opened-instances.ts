import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@nestjs/common';
import { LOG_CONTEXT, type StorageLogger } from './diagnostics.js';
import { quoteText } from './errors/client-text.js';
import { OptionsInvalidError, withSubject, WxCloudStorageError } from './errors/errors.js';
import type { InstanceList } from './http/application-registry.js';
import { instanceIsClosing } from './http/storage-option.js';
import { rememberDisk } from './options/disk.js';
import { describeOptions } from './options/module-options.js';
import type { WxCloudStorageOptions } from './options/options.js';
import { findDifference, type OptionsDifference } from './options/options-difference.js';
import { CONNECTIONS_OF_OPENED, resolveOptions } from './options/resolve-options.js';
import type { ResolvedOptions } from './options/resolved-options.js';
import {
  MAX_TIMER_MS,
  orDefault,
  readBoolean,
  readInteger,
  readMembers,
} from './options/validation.js';
import {
  closeStorageContext,
  createSharedResources,
  createStorageContext,
  type StorageContext,
} from './storage/storage-context.js';
import { WxCloudStorageService } from './wx-cloud-storage.service.js';

/** Open instances: names may come from clients. */
const MAX_OPEN = 4_096;
/** An instance that was used later may have been opened for a request that is about to use it. */
const LEAST_IDLE_MS = 1_000;

/** Connections of all opened instances together. */
const MAX_SHARED_CONNECTIONS = 1_024;

const DEFAULT_IDLE_SECONDS = 900;
const IDLE_SECONDS = { min: 1, max: Math.floor(MAX_TIMER_MS / 1_000), unit: 'seconds' };

const OTHER_TIME: OptionsDifference = { option: 'settings.idleSeconds', isOtherObject: false };

/** Names stand in log lines, and often come from requests. */
const NAME = /^[\p{L}\p{N}._:@/-]{1,128}$/u;

/** Settings of `WxCloudStorageRegistry.open` besides the options. */
export interface WxCloudOpenSettings {
  /**
   * Time without a call after which the instance is closed, in seconds. A running call, a download
   * that is not read to its end, a form that still arrives, and a response that is held until its
   * files are stored count as calls. From 1 to 2147483.
   * @defaultValue 900 (15 minutes)
   */
  readonly idleSeconds?: number | undefined;
  /**
   * True to close an open instance of this name that has other options or settings, and to open
   * one with these in its place. From the call on, the name belongs to these: `open` with others is
   * refused, also where it waits already. For the place that changes a tenant's secret, not for
   * each request: a request that has read the former options would replace the new ones.
   * @defaultValue false
   */
  readonly replace?: boolean | undefined;
}

/** The options and settings of an instance. */
interface Opening {
  readonly options: ResolvedOptions;
  readonly idleMs: number;
}

/** An opened instance. */
interface OpenedInstance extends Opening {
  readonly name: string;
  readonly context: StorageContext;
  readonly service: WxCloudStorageService;
  /** Closes the instance once it is idle. */
  timer: NodeJS.Timeout | undefined;
  /** Resolves once the instance is closed; undefined before its end. */
  closing: Promise<void> | undefined;
}

/** Opens and closes the instances that an application needs at run time. */
export class OpenedInstances {
  readonly #list: InstanceList;
  readonly #opened = new Map<string, OpenedInstance>();
  /** Successors of instances that are being closed, by name. */
  readonly #successors = new Map<string, Opening>();
  readonly #shared = createSharedResources(MAX_SHARED_CONNECTIONS);
  readonly #disk = rememberDisk();
  readonly #logger = new Logger(LOG_CONTEXT);
  /** Runs what lives as long as an instance, which would else keep the store of its request. */
  readonly #outsideOfRequests = AsyncLocalStorage.snapshot();
  readonly #maxOpen: number;
  #ending: Promise<void> | undefined;
  #isEnding = false;

  /** Opens none yet, and `maxOpen` at most. `list` has the instances of the application. */
  constructor(list: InstanceList, maxOpen = MAX_OPEN) {
    this.#list = list;
    this.#maxOpen = maxOpen;
  }

  /**
   * Returns the service of an instance.
   * @throws {@link WxCloudStorageError} `WX_CLOUD_INSTANCE_NOT_FOUND`
   */
  get(name: string): WxCloudStorageService {
    const instance = this.#list.find(name);
    if (instance === undefined) {
      throw this.#opened.has(name) ? instanceIsClosing(name) : notFound(name);
    }
    // An instance that was asked for is about to be used.
    instance.context.operations.touch();
    return instance.service as WxCloudStorageService;
  }

  /** Opens an instance, or returns the open one. */
  async open(
    name: string,
    options: WxCloudStorageOptions,
    settings: WxCloudOpenSettings,
  ): Promise<WxCloudStorageService> {
    assertName(name);
    const { isReplacing, ...opening } = inNameOf(name, () => ({
      options: resolveOptions(options, this.#disk, CONNECTIONS_OF_OPENED),
      ...readSettings(settings),
    }));
    if (isReplacing) this.#replace(name, opening);
    for (;;) {
      if (this.#isEnding) throw applicationCloses(name);
      const known = this.#opened.get(name);
      const isOpen = known !== undefined && known.closing === undefined;
      const owner = isOpen ? known : this.#successors.get(name);
      if (owner !== undefined) assertSame(name, owner, opening);
      if (known === undefined) return this.#create(name, opening);
      if (isOpen) {
        known.context.operations.touch();
        return known.service;
      }
      // Two instances of one environment would not know of each other's changed files.
      await known.closing;
    }
  }

  /** Closes an opened instance; does nothing without one. */
  async close(name: string): Promise<void> {
    const known = this.#opened.get(name);
    if (known !== undefined) return this.#close(known);
    this.#successors.delete(name);
    if (this.#list.find(name) === undefined) return;
    throw new WxCloudStorageError({
      code: 'WX_CLOUD_ARGUMENT_INVALID',
      message: `The instance ${quoteText(name)} was not opened by WxCloudStorageRegistry: an instance of the module closes with the application. Close only what you have opened.`,
    });
  }

  /** Opens no more instances; those that are open end within the grace time of the shutdown. */
  startEnding(): void {
    this.#isEnding = true;
    for (const { context } of this.#opened.values()) context.operations.startClosing();
  }

  /** Closes all instances, and their connections. */
  end(): Promise<void> {
    this.startEnding();
    this.#ending ??= Promise.all([...this.#opened.values()].map(each => this.#close(each))).then(
      () => this.#shared.connections.close(),
    );
    return this.#ending;
  }

  /** Closes an instance that was opened with something else, and reserves its name. */
  #replace(name: string, opening: Opening): void {
    const known = this.#opened.get(name);
    if (known === undefined || this.#isEnding) return;
    if (known.closing === undefined && differenceOf(known, opening) === undefined) return;
    this.#successors.set(name, opening);
    void this.#close(known);
  }

  #create(name: string, { options, idleMs }: Opening): WxCloudStorageService {
    if (this.#list.find(name) !== undefined) {
      throw new OptionsInvalidError({
        option: 'name',
        subject: 'WxCloudStorageRegistry: the name of an instance',
        expected: `unique; the module has an instance ${quoteText(name)}`,
        remedy: 'Use get() for that instance, or open one with another name.',
      });
    }
    this.#makeRoom(name);
    const logger = loggerOf(name, this.#logger);
    logger.debug(`Opened: ${describeOptions(options, name)}`);
    return this.#outsideOfRequests(() => {
      const context = createStorageContext(options, logger, this.#shared);
      const service = new WxCloudStorageService(context);
      const made = {
        name,
        options,
        idleMs,
        context,
        service,
        timer: undefined,
        closing: undefined,
      };
      this.#successors.delete(name);
      this.#opened.set(name, made);
      this.#list.add(name, service, context);
      this.#watchIdle(made);
      return service;
    });
  }

  /** Closes the instance that was not used for longest, where one more would be too many. */
  #makeRoom(name: string): void {
    if (this.#opened.size < this.#maxOpen) return;
    const open = [...this.#opened.values()].filter(({ closing }) => closing === undefined);
    if (open.length < this.#maxOpen) return;
    const idlest = open.reduce((one, other) => (idleMsOf(other) > idleMsOf(one) ? other : one));
    if (idleMsOf(idlest) < LEAST_IDLE_MS) throw tooManyOpen(name, this.#maxOpen);
    void this.#close(idlest);
  }

  #watchIdle(opened: OpenedInstance): void {
    const leftMs = opened.idleMs - idleMsOf(opened);
    if (leftMs <= 0) return void this.#close(opened);
    opened.timer = setTimeout(() => this.#watchIdle(opened), Math.ceil(leftMs)).unref();
  }

  #close(opened: OpenedInstance): Promise<void> {
    opened.closing ??= this.#closeOnce(opened);
    return opened.closing;
  }

  async #closeOnce({ name, context, timer }: OpenedInstance): Promise<void> {
    clearTimeout(timer);
    this.#list.hide(name);
    const { operations, logger } = context;
    operations.startClosing(undefined, () => instanceCloses(name));
    try {
      // During a shutdown, no handler runs any more, or its time is up.
      await operations.drain({ waitsForHeld: !this.#isEnding });
      await closeStorageContext(context);
      logger.debug('Closed.');
    } catch {
      // Its errors may contain a password.
      logger.warn('A store or channel of the instance failed while it was closed.');
    } finally {
      this.#list.remove(name);
      this.#opened.delete(name);
    }
  }
}

/** Time without a use. What the ledger could not tell a store that is down would be lost. */
function idleMsOf({ context: { operations, pending } }: OpenedInstance): number {
  return pending?.isBusy === true ? 0 : operations.idleMs;
}

function assertName(name: unknown): void {
  if (typeof name === 'string' && NAME.test(name)) return;
  throw new OptionsInvalidError({
    option: 'name',
    subject: 'WxCloudStorageRegistry: the name of an instance',
    expected: 'a string of 1 to 128 letters, digits and . _ : @ / -',
    remedy: 'Use e.g. the ID of the tenant.',
  });
}

function readSettings(settings: unknown): {
  readonly idleMs: number;
  readonly isReplacing: boolean;
} {
  const names = ['idleSeconds', 'replace'];
  const given = readMembers('settings', settings, { prefix: 'settings.', names });
  const seconds = orDefault(given['idleSeconds'], DEFAULT_IDLE_SECONDS);
  return {
    idleMs: readInteger('settings.idleSeconds', seconds, IDLE_SECONDS) * 1_000,
    isReplacing: readBoolean('settings.replace', orDefault(given['replace'], false)),
  };
}

function differenceOf(one: Opening, other: Opening): OptionsDifference | undefined {
  return one.idleMs === other.idleMs ? findDifference(one.options, other.options) : OTHER_TIME;
}

function assertSame(name: string, owner: Opening, opening: Opening): void {
  const found = differenceOf(owner, opening);
  if (found === undefined) return;
  const { option, isOtherObject } = found;
  throw new OptionsInvalidError({
    option,
    subject: subjectFor(option, name),
    expected: isOtherObject
      ? 'the same object as when it was opened'
      : 'the same as when it was opened',
    remedy: isOtherObject
      ? 'Create it once, outside of the request, and give the same one each time.'
      : 'If it has changed, open the instance once with { replace: true }; or use another name.',
  });
}

/** Names the instance in the errors of its options. */
function inNameOf<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OptionsInvalidError)) throw error;
    throw withSubject(error, subjectFor(error.option, name));
  }
}

function subjectFor(option: string, name: string): string {
  return `WxCloudStorageRegistry: option "${option}" of the instance ${quoteText(name)}`;
}

/** Names the instance in each line, and leaves no line at the start of each of hundreds. */
function loggerOf(name: string, logger: Logger): StorageLogger {
  const lineOf = (message: string): string => `instance=${name}: ${message}`;
  return {
    log: message => logger.debug(lineOf(message)),
    debug: message => logger.debug(lineOf(message)),
    warn: message => logger.warn(lineOf(message)),
    error: message => logger.error(lineOf(message)),
  };
}

function notFound(name: unknown): WxCloudStorageError {
  const quoted = typeof name === 'string' ? ` ${quoteText(name)}` : '';
  return new WxCloudStorageError({
    code: 'WX_CLOUD_INSTANCE_NOT_FOUND',
    message: `There is no instance${quoted} in this application. Open it with WxCloudStorageRegistry.open(), again if it was idle, or import WxCloudStorageModule with that name.`,
  });
}

function tooManyOpen(name: string, maxOpen: number): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_CAPACITY_EXCEEDED',
    message: `The instance "${name}" is not opened: ${maxOpen} are open, all in use. Open only instances of known tenants, or spread the tenants over several processes.`,
    retryable: true,
  });
}

function instanceCloses(name: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_STORAGE_CLOSED',
    message: `The instance "${name}" was closed, as it was idle or by close(). Open it again with WxCloudStorageRegistry.open(), and use the service that it returns.`,
  });
}

function applicationCloses(name: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_STORAGE_CLOSED',
    message: `The application is shutting down, so the instance "${name}" is not opened. Open it earlier.`,
  });
}
