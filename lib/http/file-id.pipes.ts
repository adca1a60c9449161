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
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { OptionsInvalidError, WxCloudStorageError } from '../errors/errors.js';
import { findPathProblem } from '../file-id/cloud-path.js';
import type { ParsedFileId } from '../file-id/file-id.js';
import { readMembers } from '../options/validation.js';
import { WxCloudFile } from '../storage/wx-cloud-file.js';
import { findInstance, type Instance } from './application-registry.js';
import { toLoggedException } from './http-exception.js';
import { assertBoolean, assertStorageName, REPLACED_PIPE_OPTIONS } from './option-checks.js';
import { assertHost, describeEnhancer, factsOf } from './startup/enhancers.js';
import { startNamed } from './startup/routes.js';

/** Which file IDs a pipe lets through. */
export interface WxCloudFileIdOptions {
  /**
   * The name of the instance whose environment and bucket they have to be of.
   * @defaultValue the default instance
   */
  readonly storage?: string | undefined;
  /**
   * The folders that they may be below, e.g. `['photos/']`; a missing slash at the end is added.
   * @defaultValue any
   */
  readonly prefixes?: readonly string[] | undefined;
  /** True when nothing at all is let through, as `undefined`. @defaultValue false */
  readonly optional?: boolean | undefined;
  /**
   * True when a list is expected: a single file ID, as a query with one has it, then becomes a list
   * of one. Otherwise a list is refused. @defaultValue what the parameter's type says; where that
   * says nothing (`unknown`, or a compiler that emits no decorator metadata), both are let through
   */
  readonly many?: boolean | undefined;
}

const PIPE_OPTIONS: readonly (keyof WxCloudFileIdOptions)[] = [
  'storage',
  'prefixes',
  'optional',
  'many',
];

/** Types that say nothing of whether a list is meant. */
const VAGUE_TYPES: readonly unknown[] = [undefined, Object];

/** True when a parameter takes a list; undefined when nothing tells. */
function takesMany(
  { many }: WxCloudFileIdOptions,
  { metatype }: Partial<ArgumentMetadata> = {},
): boolean | undefined {
  return many ?? (VAGUE_TYPES.includes(metatype) ? undefined : metatype === Array);
}

/** Checks the options of a pipe. @throws {@link OptionsInvalidError} */
export function assertFileIdOptions(options: unknown): void {
  const names = { names: PIPE_OPTIONS, replacements: REPLACED_PIPE_OPTIONS };
  const { storage, prefixes, optional, many } = readMembers('options', options, names);
  assertStorageName(storage);
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
    expected: 'a list of one or more beginnings of cloud paths, such as photos/',
    remedy: 'Leave it out to let file IDs of any path through.',
  });
}

/**
 * Reads one file ID, or each of a list, that a client sent; `many` says which is expected,
 * undefined that both are.
 * @throws {@link WxCloudStorageError} the first error of `read`; within a list with its position
 */
function readOneOrMany<T>(
  value: unknown,
  many: boolean | undefined,
  read: (item: unknown) => T,
): T | T[] {
  const isList = Array.isArray(value);
  // A handler that expects one file ID must not get several: it is not written for them.
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
 * Checks a file ID.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_FILE_ID_INVALID` when it is not of the instance's
 * environment and bucket, or below none of the prefixes; undefined allows any path
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
      'The file ID is refused: its path is not one that is taken here. Pass on one that belongs here.',
  });
}

function atPosition({ code, message }: WxCloudStorageError, index: number): WxCloudStorageError {
  return new WxCloudStorageError({ code, message: `Item ${index}: ${message}` });
}

/** Has the options of a pipe checked when an application that uses it starts. */
function describePipe<T extends object>(pipe: T, name: string, options: unknown): T {
  return describeEnhancer(pipe, { name, assertOptions: () => assertFileIdOptions(options) });
}

/** What the pipes for file IDs have in common; they differ in what they make of one. */
abstract class FileIdPipe<T> implements PipeTransform<unknown, T | T[] | undefined>, OnModuleInit {
  readonly #host: HttpAdapterHost;
  readonly #modules: ModulesContainer | undefined;

  /** The options of this kind of pipe. */
  protected get options(): WxCloudFileIdOptions {
    return {};
  }

  /** Injected by Nest. */
  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Optional() @Inject(ModulesContainer) modules?: ModulesContainer,
  ) {
    assertHost(host, factsOf(this)?.name ?? this.constructor.name);
    this.#host = host;
    this.#modules = modules;
  }

  /** Called by Nest. @throws {@link OptionsInvalidError} for a wrong option, naming the handler */
  onModuleInit(): void {
    const facts = factsOf(this);
    if (facts === undefined) return;
    startNamed(this.#modules, facts);
  }

  /** Called by Nest. */
  transform(value: unknown, metadata?: Partial<ArgumentMetadata>): T | T[] | undefined {
    const { storage, prefixes, optional = false } = this.options;
    if (optional && value === undefined) return undefined;
    const instance = findInstance(this.#host, storage, this.#modules);
    const read = (item: unknown): T =>
      this.convert(checkFileId(item, instance, prefixes), instance);
    try {
      return readOneOrMany(value, takesMany(this.options, metadata), read);
    } catch (error) {
      throw toLoggedException(error) as Error;
    }
  }

  /** @internal What a handler gets for a file ID that is let through. */
  protected abstract convert(fileId: ParsedFileId, instance: Instance): T;
}

/**
 * Lets through what is a file ID of the instance's environment and bucket, as it is, or a list of
 * them; anything else is answered with 400 and the reason, before any call. For body, query and
 * route parameters: `@Body('fileId', ParseFileIdPipe)`. Whether the file exists is not looked at.
 */
@Injectable()
export class ParseFileIdPipe extends FileIdPipe<string> {
  /**
   * Makes a pipe with options, which are checked when the application starts; it is used in the
   * same way.
   */
  static with(options: WxCloudFileIdOptions): Type<ParseFileIdPipe> {
    class ConfiguredPipe extends ParseFileIdPipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(describePipe(ConfiguredPipe, 'ParseFileIdPipe.with', options));
  }

  /** @internal The file ID as it is. */
  protected convert({ fileId }: ParsedFileId): string {
    return fileId;
  }
}

/**
 * Turns a file ID of the instance's environment and bucket, or a list of them, into handles;
 * nothing is fetched yet. Anything else is answered with 400 and the reason, before any call:
 * `@Body('fileId', WxCloudFilePipe) file: WxCloudFile`.
 */
@Injectable()
export class WxCloudFilePipe extends FileIdPipe<WxCloudFile> {
  /**
   * Makes a pipe with options, which are checked when the application starts; it is used in the
   * same way.
   */
  static with(options: WxCloudFileIdOptions): Type<WxCloudFilePipe> {
    class ConfiguredPipe extends WxCloudFilePipe {
      protected override get options(): WxCloudFileIdOptions {
        return options;
      }
    }
    return mixin(describePipe(ConfiguredPipe, 'WxCloudFilePipe.with', options));
  }

  /** @internal A handle. */
  protected convert(fileId: ParsedFileId, { files }: Instance): WxCloudFile {
    return new WxCloudFile(files, fileId);
  }
}
