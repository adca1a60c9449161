import {
  type ArgumentMetadata,
  Inject,
  Injectable,
  mixin,
  type OnModuleInit,
  Optional,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { OptionsInvalidError, WxCloudStorageError } from '../errors/errors.js';
import { findPathProblem } from '../file-id/cloud-path.js';
import type { ParsedFileId } from '../file-id/file-id.js';
import { readMembers } from '../options/validation.js';
import { WxCloudFile } from '../storage/wx-cloud-file.js';
import { findInstance, type Instance, instancesOfHost } from './application-registry.js';
import { toLoggedException } from './http-exception.js';
import { assertBoolean, REPLACED_PIPE_OPTIONS } from './option-checks.js';
import { currentContext, provideContexts } from './request-context.js';
import { assertHost, describeEnhancer, factsOf } from './startup/enhancers.js';
import { startNamed } from './startup/routes.js';
import {
  assertStorageOption,
  chooseForHandler,
  readStorageOption,
  subjectOf,
  type WxCloudStorageChooser,
  type WxCloudStorageOption,
} from './storage-option.js';

/** Options of the pipes for file IDs. */
export interface WxCloudFileIdOptions {
  /**
   * The instance whose environment and bucket the file IDs must belong to: its name, or a function
   * of the request. With a function, the pipe is for HTTP requests only.
   * @defaultValue the default instance
   */
  readonly storage?: WxCloudStorageOption | undefined;
  /**
   * The folders that the file IDs may be in, e.g. `['photos/']`; a missing slash at the end is
   * added.
   * @defaultValue any folder
   */
  readonly prefixes?: readonly string[] | undefined;
  /**
   * True when a missing value is allowed: the handler then gets `undefined`.
   * @defaultValue false
   */
  readonly optional?: boolean | undefined;
  /**
   * True when the parameter is a list: a single file ID, as in a query with one value, then becomes
   * a list of one. False when lists are rejected.
   * @defaultValue derived from the parameter's type; where that is not known (`unknown`, or a
   * compiler that emits no decorator metadata), both forms are allowed
   */
  readonly many?: boolean | undefined;
}

const PIPE_OPTIONS: readonly (keyof WxCloudFileIdOptions)[] = [
  'storage',
  'prefixes',
  'optional',
  'many',
];

/** Parameter types that do not tell whether a list is expected. */
const VAGUE_TYPES: readonly unknown[] = [undefined, Object];

/** True when a parameter expects a list; undefined when it is not known. */
function takesMany(
  { many }: WxCloudFileIdOptions,
  { metatype }: Partial<ArgumentMetadata> = {},
): boolean | undefined {
  return many ?? (VAGUE_TYPES.includes(metatype) ? undefined : metatype === Array);
}

/**
 * Checks the options of a pipe.
 * @throws {@link OptionsInvalidError}
 */
export function assertFileIdOptions(options: unknown): void {
  const names = { names: PIPE_OPTIONS, replacements: REPLACED_PIPE_OPTIONS };
  const { storage, prefixes, optional, many } = readMembers('options', options, names);
  assertStorageOption(storage);
  assertPrefixes(prefixes);
  assertBoolean('optional', optional);
  assertBoolean('many', many);
}

function assertPrefixes(prefixes: unknown): void {
  if (prefixes === undefined) return;
  const isList = Array.isArray(prefixes) && prefixes.length > 0;
  if (isList && prefixes.every(prefix => findPathProblem(prefix) === undefined)) return;
  throw new OptionsInvalidError({
    option: 'prefixes',
    expected: 'a non-empty list of prefixes of cloud paths, such as photos/',
    remedy: 'Leave it out to allow any path.',
  });
}

/**
 * Reads one file ID, or each of a list. `many` is true when a list is expected, false when one ID
 * is, undefined when both are allowed.
 * @throws {@link WxCloudStorageError} the first error of `read`; within a list with its position
 */
function readOneOrMany<T>(
  value: unknown,
  many: boolean | undefined,
  read: (item: unknown) => T,
): T | T[] {
  const isList = Array.isArray(value);
  // A handler that expects one file ID must not get several: it is not written for that.
  if (many === false || !(isList || many === true)) return read(value);
  return (isList ? value : [value]).map((item, index) => {
    try {
      return read(item);
    } catch (error) {
      throw error instanceof WxCloudStorageError ? atPosition(error, index) : error;
    }
  });
}

/**
 * Checks a file ID. Without prefixes, any path is allowed.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` when the file ID is not of the
 * instance's environment and bucket, or its path starts with none of the prefixes
 */
function checkFileId(
  value: unknown,
  { context }: Instance,
  prefixes: readonly string[] | undefined,
): ParsedFileId {
  const parsed = context.fileIdScope.parse(value);
  const folders = prefixes?.map(prefix => (prefix.endsWith('/') ? prefix : `${prefix}/`));
  if (folders === undefined || folders.some(folder => parsed.cloudPath.startsWith(folder))) {
    return parsed;
  }
  throw new WxCloudStorageError({
    code: 'WX_CLOUD_FILE_ID_INVALID',
    message:
      'The file ID is rejected: its path is not allowed here. Send a file ID from an allowed folder.',
  });
}

function atPosition({ code, message }: WxCloudStorageError, index: number): WxCloudStorageError {
  return new WxCloudStorageError({ code, message: `Item ${index}: ${message}` });
}

/**
 * Registers the check of a pipe's options, which runs when an application that uses the pipe
 * starts.
 */
function describePipe<T extends object>(pipe: T, name: string, options: unknown): T {
  return describeEnhancer(pipe, { name, assertOptions: () => assertFileIdOptions(options) });
}

/** The result of a pipe; undefined for a missing value that is optional. */
type Converted<T> = T | T[] | undefined;

/** The base of the pipes for file IDs, which differ in what they convert a file ID to. */
abstract class FileIdPipe<T>
  implements PipeTransform<unknown, Converted<T> | Promise<Converted<T>>>, OnModuleInit
{
  readonly #host: HttpAdapterHost;
  readonly #modules: ModulesContainer | undefined;

  /** The options; overridden by a configured pipe. */
  protected get options(): WxCloudFileIdOptions {
    return {};
  }

  /** Injected by Nest. */
  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
    @Optional() @Inject(ApplicationConfig) config?: ApplicationConfig,
  ) {
    assertHost(host, this.#name);
    this.#host = host;
    this.#modules = modules;
    const { choose } = readStorageOption(this.options);
    if (choose !== undefined && config !== undefined) provideContexts(config);
  }

  /**
   * Called by Nest.
   * @throws {@link OptionsInvalidError} for an invalid option; the message names the handler
   */
  onModuleInit(): void {
    const facts = factsOf(this);
    if (facts === undefined) return;
    startNamed(this.#modules, facts);
  }

  /** Called by Nest. Returns a promise only where the option `storage` is a function. */
  transform(
    value: unknown,
    metadata?: Partial<ArgumentMetadata>,
  ): Converted<T> | Promise<Converted<T>> {
    if (this.options.optional === true && value === undefined) return undefined;
    const { name, choose } = readStorageOption(this.options);
    if (choose !== undefined) {
      return this.#choose(choose).then(instance => this.#read(value, metadata, instance));
    }
    return this.#read(value, metadata, findInstance(this.#host, name, this.#modules));
  }

  /**
   * Converts a file ID that passed the check to the handler's value.
   * @internal
   */
  protected abstract convert(fileId: ParsedFileId, instance: Instance): T;

  get #name(): string {
    return factsOf(this)?.name ?? this.constructor.name;
  }

  #read(
    value: unknown,
    metadata: Partial<ArgumentMetadata> | undefined,
    instance: Instance,
  ): Converted<T> {
    const { prefixes } = this.options;
    const read = (item: unknown): T =>
      this.convert(checkFileId(item, instance, prefixes), instance);
    try {
      return readOneOrMany(value, takesMany(this.options, metadata), read);
    } catch (error) {
      throw toLoggedException(error) as Error;
    }
  }

  async #choose(choose: WxCloudStorageChooser): Promise<Instance> {
    const context = currentContext();
    const instances = instancesOfHost(this.#host, this.#modules);
    try {
      if (context === undefined) throw withoutRequest(this.#name);
      return await chooseForHandler(choose, context, { name: this.#name, instances });
    } catch (error) {
      throw toLoggedException(error, context?.switchToHttp().getRequest<object>()) as Error;
    }
  }
}

function withoutRequest(name: string): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'storage',
    subject: subjectOf(name),
    expected: 'a name where there is no HTTP request, or where Nest does not create the pipe',
    remedy: 'Name the instance.',
  });
}

/**
 * Validates that a value is a file ID of the instance's environment and bucket, or a list of such
 * IDs, and passes it on unchanged. Other values are rejected with 400 and the reason, before any
 * call. Works for body, query and route parameters. Does not check that the file exists.
 * @example
 * ```ts
 * import { Body, Controller, Put } from '@nestjs/common';
 * import { ParseFileIdPipe } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('profile')
 * export class ProfileController {
 *   @Put('avatar')
 *   setAvatar(@Body('fileId', ParseFileIdPipe) fileId: string): { avatar: string } {
 *     return { avatar: fileId };
 *   }
 * }
 * ```
 */
@Injectable()
export class ParseFileIdPipe extends FileIdPipe<string> {
  /**
   * Creates a pipe with options, to be used in the same way. The options are checked when the
   * application starts.
   */
  static with(options: WxCloudFileIdOptions): Type<ParseFileIdPipe> {
    class ConfiguredPipe extends ParseFileIdPipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(describePipe(ConfiguredPipe, 'ParseFileIdPipe.with', options));
  }

  /**
   * Returns the file ID unchanged.
   * @internal
   */
  protected convert({ fileId }: ParsedFileId): string {
    return fileId;
  }
}

/**
 * Converts a file ID of the instance's environment and bucket, or a list of such IDs, to {@link
 * WxCloudFile} handles. Nothing is fetched. Other values are rejected with 400 and the reason,
 * before any call.
 * @example
 * ```ts
 * import { Controller, Get, Query } from '@nestjs/common';
 * import { WxCloudFile, WxCloudFilePipe } from 'nestjs-wx-cloud-storage';
 *
 * @Controller('links')
 * export class LinksController {
 *   @Get()
 *   async find(@Query('fileId', WxCloudFilePipe) file: WxCloudFile): Promise<{ url: string }> {
 *     return { url: await file.url() };
 *   }
 * }
 * ```
 */
@Injectable()
export class WxCloudFilePipe extends FileIdPipe<WxCloudFile> {
  /**
   * Creates a pipe with options, to be used in the same way. The options are checked when the
   * application starts.
   */
  static with(options: WxCloudFileIdOptions): Type<WxCloudFilePipe> {
    class ConfiguredPipe extends WxCloudFilePipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(describePipe(ConfiguredPipe, 'WxCloudFilePipe.with', options));
  }

  /**
   * Creates a handle.
   * @internal
   */
  protected convert(fileId: ParsedFileId, { files }: Instance): WxCloudFile {
    return new WxCloudFile(files, fileId);
  }
}
